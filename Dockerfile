# docker build -t bylaw:0.1.0 .
FROM node:26-slim AS build
WORKDIR /bylaw
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:26-slim AS packages
WORKDIR /bylaw
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional

FROM node:26-slim
WORKDIR /bylaw
ENV NODE_ENV=production NODE_OPTIONS="--max-semi-space-size=4 --disable-warning=ExperimentalWarning"
COPY --from=packages /bylaw/node_modules node_modules
COPY --from=build /bylaw/dist dist
COPY package.json LICENSE ./
USER 65532:65532
EXPOSE 9443 8080 8081
ENTRYPOINT ["node", "dist/main.js"]
