package persistence

import (
	"strings"
	"unicode/utf8"
)

// clean makes text of any bytes: what PostgreSQL refuses in one, a NUL and what
// is not UTF-8, becomes U+FFFD, and the text ends after max characters.
func clean(s string, max int) string {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	s = strings.ReplaceAll(s, "\x00", string(utf8.RuneError))
	for i := range s {
		if max == 0 {
			return s[:i]
		}
		max--
	}
	return s
}
