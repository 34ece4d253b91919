package transport

import "strings"

// emailParameter is the query parameter that carries a client's e-mail.
const emailParameter = "email"

// emailOf finds the e-mail in a raw query: the first "email" that is not empty.
// The query is a URL's and not an HTML form's, since the seed's own JavaScript
// puts addresses into it unescaped: a plus is a plus, a semicolon separates
// nothing, and a percent sign before anything but two hexadecimal digits is
// itself.
func emailOf(query string) string {
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if value != "" && unescape(key) == emailParameter {
			return unescape(value)
		}
	}
	return ""
}

// unescape undoes percent-encoding (RFC 3986 section 2.1) where there is any.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			high, ok1 := hexDigit(s[i+1])
			low, ok2 := hexDigit(s[i+2])
			if ok1 && ok2 {
				b = append(b, high<<4|low)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
