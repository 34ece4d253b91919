package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// How a secret looks, and how long its key is, after the Standard Webhooks
// specification 1.0.0. A shorter key could be guessed.
const (
	secretPrefix = "whsec_"
	minKey       = 24
	maxKey       = 64
)

// Secrets are the keys that the receiver may know. There are two while one is being
// replaced: the receiver is content with either.
type Secrets struct{ keys [][]byte }

// ParseSecrets reads secrets with blanks between them. Its errors do not show any.
func ParseSecrets(text string) (Secrets, error) {
	var s Secrets
	for secret := range strings.FieldsSeq(text) {
		encoded, ok := strings.CutPrefix(secret, secretPrefix)
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(key) < minKey || len(key) > maxKey {
			return Secrets{}, fmt.Errorf("a secret is %s and %d to %d bytes in base64", secretPrefix, minKey, maxKey)
		}
		s.keys = append(s.keys, key)
	}
	if len(s.keys) == 0 {
		return Secrets{}, errors.New("there is no secret")
	}
	return s, nil
}

// sign makes one signature with each key: of the message's name, the time in
// seconds, and the body, so that none of the three can be given another.
func (s Secrets) sign(id, timestamp string, body []byte) string {
	signatures := make([]string, len(s.keys))
	for i, key := range s.keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}
