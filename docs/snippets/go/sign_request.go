package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// Authorization is the header of a request. The target is path and query, exactly as sent; the timestamp is
// time.Now().Unix(); the nonce is 18 random bytes in base64.RawURLEncoding, new for every try; the body exactly as sent.
func Authorization(keyID, scheme string, sign func([]byte) []byte,
	method, target string, timestamp int64, nonce string, body []byte) string {
	var message bytes.Buffer
	fmt.Fprintf(&message, "%s\n%s\n%d\n%s\n", method, target, timestamp, nonce)
	message.Write(body)
	message.WriteByte('\n')
	signature := base64.StdEncoding.EncodeToString(sign(message.Bytes()))
	return fmt.Sprintf(`%s key_id="%s",timestamp="%d",nonce="%s",signature="%s"`,
		scheme, keyID, timestamp, nonce, signature)
}

// HMACSHA256 is for the scheme PAYMUX-HMAC-SHA256.
func HMACSHA256(secret []byte) func([]byte) []byte {
	return func(message []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write(message)
		return mac.Sum(nil)
	}
}

// Ed25519 is for the scheme PAYMUX-ED25519. A key in PEM is read with pem.Decode and x509.ParsePKCS8PrivateKey.
func Ed25519(key ed25519.PrivateKey) func([]byte) []byte {
	return func(message []byte) []byte { return ed25519.Sign(key, message) }
}
