import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Reads one question a line, asks the snippets, answers one line each. The same in five languages. */
final class Harness {
    private static final String[] NAMES = {"webhook-id", "webhook-timestamp", "webhook-signature"};

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] fields = line.split("\t", -1);
            List<byte[]> parts = new ArrayList<>();
            for (int index = 1; index < fields.length; index++) {
                parts.add(Base64.getDecoder().decode(fields[index]));
            }
            System.out.println(answer(fields[0], parts));
        }
    }

    private static String answer(String question, List<byte[]> parts) throws Exception {
        if (question.equals("verify")) {
            Map<String, String> headers = new HashMap<>();
            for (int index = 0; index < NAMES.length; index++) {
                if (parts.get(index).length > 0) {
                    headers.put(NAMES[index], text(parts, index));
                }
            }
            List<String> secrets = List.of(text(parts, 3).split(" "));
            long now = Long.parseLong(text(parts, 5));
            return VerifyCallback.verify(headers, parts.get(4), secrets, now) ? "accept" : "reject";
        }
        boolean strong = text(parts, 1).equals("ed25519");
        byte[] key = parts.get(2);
        SignRequest.Signer signer = strong ? SignRequest.ed25519(key) : SignRequest.hmacSha256(key);
        return SignRequest.authorization(text(parts, 0), strong ? "PAYMUX-ED25519" : "PAYMUX-HMAC-SHA256", signer,
                text(parts, 3), text(parts, 4), Long.parseLong(text(parts, 5)), text(parts, 6), parts.get(7));
    }

    private static String text(List<byte[]> parts, int index) {
        return new String(parts.get(index), UTF_8);
    }
}
