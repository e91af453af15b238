/** What reading evidence needs of a cluster. Everything throws an OperationalError where the cluster does not do as asked. */
export interface EvidenceClient {
  /** The data of the ConfigMap with the ends of the logs. */
  heads(namespace: string, name: string): Promise<Readonly<Record<string, unknown>>>
  /** Where the registration says that the operator is, as far as that can be reached from outside, and the authorities that it is trusted by. */
  door(registration: string): Promise<{ readonly url: string | undefined; readonly ca: string }>
  /** The bearer token of the kubeconfig. */
  token(): Promise<string | undefined>
}
