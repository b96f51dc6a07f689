// Reads one question a line, asks the snippets, answers one line each. The same in five languages.
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { authorization, ed25519, hmacSha256 } from "./sign_request.mjs";
import { verify } from "./verify_callback.mjs";

const NAMES = ["webhook-id", "webhook-timestamp", "webhook-signature"];

function answer(question, parts) {
  const text = (index) => parts[index].toString();
  if (question === "verify") {
    const headers = {};
    NAMES.forEach((name, index) => { if (parts[index].length) headers[name] = text(index); });
    return verify(headers, parts[4], text(3).split(" "), Number(text(5))) ? "accept" : "reject";
  }
  const strong = text(1) === "ed25519";
  const pem = () => createPrivateKey({ key: parts[2], format: "der", type: "pkcs8" }).export({ format: "pem", type: "pkcs8" });
  const signer = strong ? ed25519(pem()) : hmacSha256(parts[2]);
  const scheme = strong ? "PAYMUX-ED25519" : "PAYMUX-HMAC-SHA256";
  return authorization(text(0), scheme, signer, text(3), text(4), Number(text(5)), text(6), parts[7]);
}

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const [question, ...rest] = line.split("\t");
  console.log(answer(question, rest.map((part) => Buffer.from(part, "base64"))));
}
