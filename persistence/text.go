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

// fold makes the ASCII letters small and leaves all others, as lower() does in
// both databases (in PostgreSQL because e-mails are collated "C").
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, s)
}
