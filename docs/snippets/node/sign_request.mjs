import { createHmac, sign } from "node:crypto";

/**
 * The Authorization header of a request. `target` is path and query, exactly as sent; `timestamp` is
 * Math.floor(Date.now() / 1000); `nonce` is randomBytes(18).toString("base64url"), a new one for every try;
 * `body` is a Buffer, exactly as sent.
 */
export function authorization(keyId, scheme, signer, method, target, timestamp, nonce, body = Buffer.alloc(0)) {
  const head = Buffer.from(`${method}\n${target}\n${timestamp}\n${nonce}\n`);
  const signature = signer(Buffer.concat([head, body, Buffer.from("\n")])).toString("base64");
  return `${scheme} key_id="${keyId}",timestamp="${timestamp}",nonce="${nonce}",signature="${signature}"`;
}

/** For the scheme PAYMUX-HMAC-SHA256. */
export const hmacSha256 = (secret) => (message) => createHmac("sha256", secret).update(message).digest();

/** For the scheme PAYMUX-ED25519. */
export const ed25519 = (pem) => (message) => sign(null, message, pem);
