// A real OAuth 2.0 token endpoint for tests: client credentials (RFC 6749, 4.4) for JSON Web Tokens
// signed with RS256, and the key set that a broker checks them with (RFC 7517).

import { SignJWT, exportJWK, generateKeyPair } from 'jose'

const KEY_ID = 'test'
const LIFETIME_S = 300

export type TokenEndpoint = Disposable & {
  tokenUrl: string
  keysUrl: string
  /** Requests for a token that were granted, and that were refused. */
  granted: number
  refused: number
}

/** @param clients  secret by client id; the id is the token's subject, so Kafka's principal */
export async function startTokenEndpoint(
  clients: Readonly<Record<string, string>>,
  audience: string,
): Promise<TokenEndpoint> {
  const { publicKey, privateKey } = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: 'RS256', use: 'sig' }
  const answer = async (request: Request): Promise<Response> => {
    const form = new URLSearchParams(await request.text())
    const id = idOf(request, clients)
    if (id === undefined || form.get('grant_type') !== 'client_credentials') {
      endpoint.refused++
      return Response.json({ error: 'invalid_client' }, { status: 401 })
    }
    endpoint.granted++
    const token = await new SignJWT({ scope: form.get('scope') ?? 'kafka' })
      .setProtectedHeader({ alg: 'RS256', kid: KEY_ID })
      .setIssuer(endpoint.tokenUrl)
      .setAudience(audience)
      .setSubject(id)
      .setIssuedAt()
      .setExpirationTime(`${LIFETIME_S}s`)
      .sign(privateKey)
    return Response.json({ access_token: token, token_type: 'Bearer', expires_in: LIFETIME_S })
  }
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    routes: { '/token': { POST: answer }, '/keys': () => Response.json({ keys: [jwk] }) },
  })
  const endpoint = {
    tokenUrl: new URL('/token', server.url).href,
    keysUrl: new URL('/keys', server.url).href,
    granted: 0,
    refused: 0,
    [Symbol.dispose]: () => void server.stop(true),
  }
  return endpoint
}

/** The client that the request's Basic authorization names, when the secret is its own. */
function idOf(request: Request, clients: Readonly<Record<string, string>>): string | undefined {
  const encoded = /^Basic (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1] ?? ''
  const [id = '', secret] = Buffer.from(encoded, 'base64').toString().split(':')
  return secret !== undefined && clients[id] === secret ? id : undefined
}
