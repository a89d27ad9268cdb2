import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** What the tokens of a signer say of themselves. */
export const issuer = "https://id.demo.example";
export const audience = "demo";

/** Signs tokens of the issuer in these tests. */
export interface Signer {
  /** The public keys as JSON text. */
  readonly jwks: string;
  token(claims: { readonly sub: string }): Promise<string>;
}

export async function createSigner(): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: "ES256", use: "sig" };
  return {
    jwks: JSON.stringify({ keys: [jwk] }),
    token: (claims) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: "ES256", kid: "k1" })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime("10m")
        .sign(privateKey),
  };
}
