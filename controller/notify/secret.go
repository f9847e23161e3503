package notify

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/assent-epm/assent/shared/elevation"
)

// secretPrefix begins a signing secret of the Standard Webhooks specification.
const secretPrefix = "whsec_"

// newSecret makes a signing secret.
func newSecret() string {
	key := make([]byte, 32)
	rand.Read(key)
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// keyOf is the key of a signing secret.
func keyOf(secret string) ([]byte, error) {
	text, ok := strings.CutPrefix(secret, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < minKey || len(key) > maxKey {
		return nil, fmt.Errorf("%w: a signing secret is %s and %d to %d bytes in base64; leave it out to have one made", elevation.ErrInvalid, secretPrefix, minKey, maxKey)
	}
	return key, nil
}
