import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

final class SignRequest {
    interface Signer {
        byte[] sign(byte[] message) throws GeneralSecurityException;
    }

    /**
     * The Authorization header of a request. The target is path and query, exactly as sent; the timestamp is in
     * seconds; the nonce is 18 random bytes in Base64.getUrlEncoder(), new for every try; the body exactly as sent.
     */
    static String authorization(String keyId, String scheme, Signer signer, String method, String target,
            long timestamp, String nonce, byte[] body) throws GeneralSecurityException {
        ByteArrayOutputStream message = new ByteArrayOutputStream();
        String head = method + "\n" + target + "\n" + timestamp + "\n" + nonce + "\n";
        message.writeBytes(head.getBytes(UTF_8));
        message.writeBytes(body);
        message.write('\n');
        String signature = Base64.getEncoder().encodeToString(signer.sign(message.toByteArray()));
        return String.format("%s key_id=\"%s\",timestamp=\"%d\",nonce=\"%s\",signature=\"%s\"",
                scheme, keyId, timestamp, nonce, signature);
    }

    /** For the scheme PAYMUX-HMAC-SHA256. */
    static Signer hmacSha256(byte[] secret) {
        return message -> {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret, "HmacSHA256"));
            return mac.doFinal(message);
        };
    }

    /** For the scheme PAYMUX-ED25519; the key is the DER in a PEM (PKCS#8). */
    static Signer ed25519(byte[] pkcs8) throws GeneralSecurityException {
        PrivateKey key = KeyFactory.getInstance("Ed25519").generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
        return message -> {
            Signature signature = Signature.getInstance("Ed25519");
            signature.initSign(key);
            signature.update(message);
            return signature.sign();
        };
    }
}
