// A service and an app that know of us what discovery tells them: openid-client makes the calls, jose and oauth4webapi judge the
// tokens. Nothing is configured but the issuer, the credentials and the name of the service that a token is for.
//
// Orders are one JSON document on standard input. Every fault is printed; it leaves with 1 when there was one.
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import {text} from 'node:stream/consumers';

const orders = JSON.parse(await text(process.stdin));
const issuer = new URL(orders.issuer);
const faults = [];
const expect = (what, is, want) => is === want || faults.push(`${what} is ${JSON.stringify(is)}, want ${JSON.stringify(want)}`);

async function step(what, run) {
  try {
    return await run();
  } catch (e) {
    faults.push(`${what}: ${e.name} ${e.code ?? ''} ${e.message} ${e.cause ? JSON.stringify(e.cause) : ''}`);
  }
}

// refused demands that the server answers with an error of RFC 6749.
async function refused(what, code, run) {
  try {
    await run();
    faults.push(`${what} was not refused`);
  } catch (e) {
    expect(what, e.error ?? e.status, code); // what comes with a challenge is told by its status
  }
}

// judge verifies an access token twice: its signature and claims by jose, its profile (RFC 9068) by oauth4webapi.
async function judge(what, config, token, audience) {
  const server = config.serverMetadata();
  const keys = jose.createRemoteJWKSet(new URL(server.jwks_uri));
  const {payload, protectedHeader} = await jose.jwtVerify(token, keys, {issuer: server.issuer, audience, typ: 'at+jwt', requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id']});
  expect(`${what}: alg`, protectedHeader.alg, 'ES256');
  const request = new Request('https://service.example/', {headers: {authorization: `Bearer ${token}`}});
  const claims = await oauth.validateJwtAccessToken(server, request, audience);
  expect(`${what}: sub`, claims.sub, payload.sub);
  for (const [wrong, options] of Object.entries({audience: {audience: 'https://elsewhere.example'}, issuer: {issuer: 'https://evil.example'}})) {
    await jose.jwtVerify(token, keys, options).then(() => faults.push(`${what} verifies for another ${wrong}`), () => {});
  }
  const [head, body, signature] = token.split('.');
  const changed = [head, body, (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)].join('.');
  await jose.jwtVerify(changed, keys).then(() => faults.push(`${what} verifies when it was changed`), () => {});
  return payload;
}

const key = await jose.importPKCS8(orders.key, 'ES256');
const strangerKey = (await jose.generateKeyPair('ES256')).privateKey;
const methods = {
  client_secret_post: [orders.service, openid.ClientSecretPost(orders.secret), openid.ClientSecretPost('wrong')],
  client_secret_basic: [orders.service, openid.ClientSecretBasic(orders.secret), openid.ClientSecretBasic('wrong')],
  private_key_jwt: [orders.keyed, openid.PrivateKeyJwt(key), openid.PrivateKeyJwt(strangerKey)],
};
for (const [method, [id, authentication, wrong]] of Object.entries(methods)) {
  await step(`a service, by ${method}`, async () => {
    const config = await openid.discovery(issuer, id, undefined, authentication);
    const granted = await openid.clientCredentialsGrant(config, {resource: orders.target});
    expect('token_type', granted.token_type, 'bearer');
    expect('expiresIn', granted.expiresIn() > 200, true);
    const claims = await judge('a service token', config, granted.access_token, orders.target);
    expect('client_id', claims.client_id, id);
    const live = await openid.tokenIntrospection(config, granted.access_token);
    expect('introspection: active', live.active, true);
    expect('introspection: sub', live.sub, claims.sub);
    expect('introspection of nonsense', (await openid.tokenIntrospection(config, 'nonsense')).active, false);
    await refused('a scope that it has not', 'invalid_scope', () => openid.clientCredentialsGrant(config, {scope: 'users:write'}));
    await refused('a service that it may not call', 'invalid_target', () => openid.clientCredentialsGrant(config, {resource: `${orders.issuer}/auth`}));
    const stranger = await openid.discovery(issuer, id, undefined, wrong);
    await refused('a wrong proof', 401, () => openid.clientCredentialsGrant(stranger));
  });
}

await step('an app', async () => {
  const app = await openid.discovery(issuer, 'app', undefined, openid.None());
  const service = await openid.discovery(issuer, orders.service, orders.secret);
  const first = await openid.refreshTokenGrant(app, orders.refresh);
  const user = await judge('a user token', app, first.access_token, `${orders.issuer}/${orders.service}`);
  expect('rotation', first.refresh_token !== orders.refresh, true);

  // On behalf of the user (RFC 8693).
  const exchanged = await openid.genericGrantRequest(service, 'urn:ietf:params:oauth:grant-type:token-exchange', {
    subject_token: first.access_token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', resource: orders.target,
  });
  expect('issued_token_type', exchanged.issued_token_type, 'urn:ietf:params:oauth:token-type:access_token');
  const behalf = await judge('an exchanged token', service, exchanged.access_token, orders.target);
  expect('exchanged: sub', behalf.sub, user.sub);
  expect('exchanged: act', typeof behalf.act?.sub, 'string');

  const second = await openid.refreshTokenGrant(app, first.refresh_token);
  expect('introspection of the user', (await openid.tokenIntrospection(service, second.access_token)).active, true);
  await openid.tokenRevocation(app, second.refresh_token);
  expect('introspection after the revocation', (await openid.tokenIntrospection(service, second.access_token)).active, false);
  await refused('a refresh after the revocation', 'invalid_grant', () => openid.refreshTokenGrant(app, second.refresh_token));
  await openid.tokenRevocation(app, 'nonsense');
});

for (const fault of faults) console.log(fault);
process.exit(faults.length ? 1 : 0);
