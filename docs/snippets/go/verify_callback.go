package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var seconds = regexp.MustCompile(`^[0-9]{1,12}$`)

// Verify says whether this callback is meant for us, now. The body is raw; secrets are all in use: two during a rotation.
func Verify(header http.Header, body []byte, secrets []string, now time.Time) bool {
	id, at := header.Get("webhook-id"), header.Get("webhook-timestamp")
	if id == "" || !seconds.MatchString(at) {
		return false
	}
	sent, err := strconv.ParseInt(at, 10, 64)
	if err != nil || now.Unix()-sent > 300 || sent-now.Unix() > 300 {
		return false
	}
	good := false
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) < 24 {
			panic("not a callback secret")
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + at + "."))
		mac.Write(body)
		expected := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		for _, given := range strings.Split(header.Get("webhook-signature"), " ") {
			if hmac.Equal([]byte(given), expected) {
				good = true
			}
		}
	}
	return good
}
