import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

final class VerifyCallback {
    /**
     * Whether this callback is meant for us, now. The names of the headers are in lower case, the body is raw; the
     * secrets are all in use: two during a rotation.
     */
    static boolean verify(Map<String, String> headers, byte[] body, List<String> secrets, long nowS)
            throws GeneralSecurityException {
        String id = headers.getOrDefault("webhook-id", "");
        String seconds = headers.getOrDefault("webhook-timestamp", "");
        if (id.isEmpty() || !seconds.matches("[0-9]{1,12}") || Math.abs(nowS - Long.parseLong(seconds)) > 300) {
            return false;
        }
        boolean good = false;
        for (String secret : secrets) {
            byte[] key = Base64.getDecoder().decode(secret.replaceFirst("^whsec_", ""));
            if (key.length < 24) {
                throw new IllegalArgumentException("not a callback secret");
            }
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            mac.update((id + "." + seconds + ".").getBytes(UTF_8));
            byte[] expected = ("v1," + Base64.getEncoder().encodeToString(mac.doFinal(body))).getBytes(UTF_8);
            for (String given : headers.getOrDefault("webhook-signature", "").split(" ")) {
                good |= MessageDigest.isEqual(given.getBytes(UTF_8), expected);
            }
        }
        return good;
    }
}
