package rollcall

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Email is a user's address as the client or the database spells it.
type Email string

// maxEmail is the length of the e-mail column in characters, after RFC 5321
// section 4.5.3.1.3. A longer one cannot be a user's.
const maxEmail = 254

// ParseEmail accepts what could be a user's e-mail. It refuses with
// [CloseNoEmail] what is empty, and with [CloseUnknownEmail] what no database
// needs to be asked about: bytes that are not UTF-8, a NUL, blanks around it,
// or more than 254 characters.
func ParseEmail(raw string) (Email, error) {
	if raw == "" {
		return "", CloseNoEmail
	}
	if !utf8.ValidString(raw) || strings.ContainsRune(raw, 0) ||
		strings.TrimFunc(raw, unicode.IsSpace) != raw || utf8.RuneCountInString(raw) > maxEmail {
		return "", CloseUnknownEmail
	}
	return Email(raw), nil
}

// Fold makes two spellings that differ only in the case of A to Z the same, as
// lower() does in both databases. Other letters stay: which of them are the
// same is a matter of language.
func (e Email) Fold() Email {
	return Email(strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, string(e)))
}
