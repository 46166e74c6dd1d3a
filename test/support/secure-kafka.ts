// A broker with secure listeners beside its plain one: TLS with and without a client's certificate,
// and SASL with every mechanism the worker is to speak. Its authorizer refuses what no ACL allows;
// who comes by the plain listener may do all.

import { freePorts } from './kafka-ports.ts'
import { KafkaCluster } from './kafka.ts'
import { Authority, type Certificate, keyStoreOf } from './certificates.ts'
import { type TokenEndpoint, startTokenEndpoint } from './token-endpoint.ts'

const MODULES = 'org.apache.kafka.common.security'
const VALIDATOR = `${MODULES}.oauthbearer.OAuthBearerValidatorCallbackHandler`
const AUDIENCE = 'kafka'

/** Ports of the listeners. */
export type Listeners = { ssl: number; mutual: number; sasl: number; expired: number }

export class SecureKafka implements AsyncDisposable {
  readonly cluster: KafkaCluster
  readonly authority: Authority
  readonly tokens: TokenEndpoint
  readonly listeners: Listeners

  private constructor(
    cluster: KafkaCluster,
    authority: Authority,
    tokens: TokenEndpoint,
    listeners: Listeners,
  ) {
    this.cluster = cluster
    this.authority = authority
    this.tokens = tokens
    this.listeners = listeners
  }

  /** @param users  their passwords, for PLAIN and SCRAM, and as secrets of OAuth clients */
  static async start(users: Readonly<Record<string, string>>): Promise<SecureKafka> {
    const authority = new Authority()
    const tokens = await startTokenEndpoint(users, AUDIENCE)
    const [ssl, mutual, sasl, expired] = freePorts(4) as [number, number, number, number]
    const listeners = { ssl, mutual, sasl, expired }
    const scram = Object.entries(users).flatMap(([name, password]) =>
      ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
        '--add-scram',
        `${mechanism}=[name=${name},password=${password}]`,
      ]),
    )
    const cluster = await KafkaCluster.start({
      properties: ({ port, controllerPort }) => ({
        ...listenerProperties(
          { PLAINTEXT: port, CONTROLLER: controllerPort },
          listeners,
          authority,
        ),
        ...saslProperties(users, tokens),
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS',
      }),
      format: scram,
      flags: [`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${tokens.keysUrl}`],
    })
    return new SecureKafka(cluster, authority, tokens, listeners)
  }

  /** librdkafka's properties for a listener, without the client's own credentials. */
  tls(listener: keyof Listeners): Record<string, string> {
    return {
      'bootstrap.servers': `127.0.0.1:${this.listeners[listener]}`,
      'security.protocol': listener === 'sasl' ? 'SASL_SSL' : 'SSL',
      'ssl.ca.location': this.authority.certificate,
    }
  }

  /**
   * Adds an ACL for principals.
   *
   * @param rule  as Kafka's tool takes it, such as --operation Read --topic name
   */
  async allow(principals: readonly string[], rule: readonly string[]): Promise<void> {
    const who = principals.flatMap((principal) => ['--allow-principal', principal])
    const outcome = await this.cluster.tool('org.apache.kafka.tools.AclCommand', [
      '--bootstrap-server',
      '{bootstrap}',
      '--add',
      ...who,
      ...rule,
    ])
    if (outcome.exitCode !== 0) throw new Error(`no ACL: ${outcome.output}${outcome.errors}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.stop()
    this.tokens[Symbol.dispose]()
    this.authority[Symbol.dispose]()
  }
}

function listenerProperties(
  plain: { PLAINTEXT: number; CONTROLLER: number },
  { ssl, mutual, sasl, expired }: Listeners,
  authority: Authority,
): Record<string, string> {
  const good = authority.issue('broker')
  const old = authority.issue('old-broker', { days: -1 })
  const { PLAINTEXT, CONTROLLER } = plain
  const ports = { PLAINTEXT, SSL: ssl, MUTUAL: mutual, SASL_SSL: sasl, EXPIRED: expired }
  const addresses = Object.entries(ports).map(([name, at]) => `${name}://127.0.0.1:${at}`)
  return {
    listeners: [...addresses, `CONTROLLER://127.0.0.1:${CONTROLLER}`].join(),
    'advertised.listeners': addresses.join(),
    'listener.security.protocol.map':
      'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,MUTUAL:SSL,EXPIRED:SSL,SASL_SSL:SASL_SSL',
    ...storeProperties('ssl', good, authority),
    ...storeProperties('mutual', good, authority),
    ...storeProperties('sasl_ssl', good, authority),
    ...storeProperties('expired', old, authority),
    'listener.name.mutual.ssl.client.auth': 'required',
  }
}

function storeProperties(listener: string, certificate: Certificate, authority: Authority) {
  const prefix = `listener.name.${listener}.ssl`
  return {
    [`${prefix}.keystore.type`]: 'PEM',
    [`${prefix}.keystore.location`]: keyStoreOf(certificate),
    [`${prefix}.truststore.type`]: 'PEM',
    [`${prefix}.truststore.location`]: authority.certificate,
  }
}

function saslProperties(
  users: Readonly<Record<string, string>>,
  tokens: TokenEndpoint,
): Record<string, string> {
  const known = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`)
  const prefix = 'listener.name.sasl_ssl'
  const oauth = `${prefix}.oauthbearer`
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    [`${prefix}.plain.sasl.jaas.config`]: `${MODULES}.plain.PlainLoginModule required ${known.join(' ')};`,
    [`${prefix}.scram-sha-256.sasl.jaas.config`]: `${MODULES}.scram.ScramLoginModule required;`,
    [`${prefix}.scram-sha-512.sasl.jaas.config`]: `${MODULES}.scram.ScramLoginModule required;`,
    [`${oauth}.sasl.jaas.config`]: `${MODULES}.oauthbearer.OAuthBearerLoginModule required;`,
    [`${oauth}.sasl.server.callback.handler.class`]: VALIDATOR,
    [`${oauth}.sasl.oauthbearer.jwks.endpoint.url`]: tokens.keysUrl,
    [`${oauth}.sasl.oauthbearer.expected.audience`]: AUDIENCE,
  }
}
