import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'

// The least that a webhook on Node.js can do: read the review, parse it, allow.
const [, , port = '0', certFile = '', keyFile = ''] = process.argv
createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const { request: review } = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    const body = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: review.uid, allowed: true } })
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    response.end(body)
  })
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'))
