package rollcall

import (
	"context"
	"crypto/sha256"
)

// TokenHash is the SHA-256 of an API token. The token itself is shown once, at
// its creation, and kept nowhere.
type TokenHash [sha256.Size]byte

// HashToken returns what the database knows of a token.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// Holder is the user whom a token belongs to.
type Holder struct {
	Email  Email
	Active bool
}

// Tokens knows which API tokens are good.
type Tokens interface {
	// Holders returns the holder of each token that exists and is not revoked.
	// A hash that is missing from the answer is nobody's.
	Holders(context.Context, []TokenHash) (map[TokenHash]Holder, error)
}
