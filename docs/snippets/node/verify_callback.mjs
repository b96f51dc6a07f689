import { createHmac, timingSafeEqual } from "node:crypto";

/** Whether this callback is meant for us, now. `body` is raw; `secrets` are all in use: two during a rotation. */
export function verify(headers, body, secrets, nowS = Date.now() / 1000) {
  const id = headers["webhook-id"] ?? "";
  const seconds = headers["webhook-timestamp"] ?? "";
  if (!id || !/^[0-9]{1,12}$/.test(seconds) || Math.abs(nowS - Number(seconds)) > 300) return false;
  let good = false;
  for (const secret of secrets) {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    if (key.length < 24) throw new Error("not a callback secret");
    const mac = createHmac("sha256", key).update(`${id}.${seconds}.`).update(body).digest("base64");
    const expected = Buffer.from(`v1,${mac}`);
    for (const text of (headers["webhook-signature"] ?? "").split(" ")) {
      const given = Buffer.from(text);
      if (given.length === expected.length && timingSafeEqual(given, expected)) good = true;
    }
  }
  return good;
}
