package rollcall

import (
	"bytes"
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

// The frames that a client sees, byte for byte as the Django original writes
// them: a space after each colon and comma, and ASCII only.
const (
	greetingHead = `{"type": "connection_established", "message": "Connected successfully as `
	replyHead    = `{"type": "message", "message": "Server received: `
	replyFrom    = `", "from": "`
	frameTail    = `"}`
	pushHead     = `{"type": "push", "message": `
	pushID       = `, "id": "`

	invalidJSON  = `{"type": "error", "message": "Invalid JSON format"}`
	textExpected = `{"type": "error", "message": "Text frame expected"}`
)

// Greeting is the first frame of a session.
func Greeting(e Email) []byte {
	b := make([]byte, 0, len(greetingHead)+len(e)+len(frameTail))
	b = append(b, greetingHead...)
	b = appendText(b, []byte(e))
	return append(b, frameTail...)
}

// TextExpected answers a binary message.
func TextExpected() []byte { return []byte(textExpected) }

// Reply answers one text message, whose payload is valid UTF-8. A JSON object
// is answered with its member "message": a string as it is, any other value as
// its compact JSON text, a missing one as nothing. Whatever else the payload
// is, the answer is the frame "Invalid JSON format".
func Reply(e Email, payload []byte) []byte {
	value, ok := member(payload, "message")
	if !ok {
		return []byte(invalidJSON)
	}
	b := make([]byte, 0, len(replyHead)+len(value)+len(replyFrom)+len(e)+len(frameTail))
	b = append(b, replyHead...)
	switch {
	case len(value) == 0:
	case value[0] == '"':
		b = appendString(b, value[1:len(value)-1])
	default:
		var compact bytes.Buffer
		_ = json.Compact(&compact, value) // cannot fail: the value is part of a valid document
		b = appendText(b, compact.Bytes())
	}
	b = append(b, replyFrom...)
	b = appendText(b, []byte(e))
	return append(b, frameTail...)
}

// Push is a frame that the application sends to its users, with one valid JSON
// value as its message.
func Push(message []byte, id string) []byte {
	b := make([]byte, 0, len(pushHead)+len(message)+len(pushID)+len(id)+len(frameTail))
	b = append(b, pushHead...)
	b = appendValue(b, message)
	b = append(b, pushID...)
	b = appendText(b, []byte(id))
	return append(b, frameTail...)
}

// appendValue appends a valid JSON value in ASCII, with a space after each colon
// and comma and no other blanks.
func appendValue(b, doc []byte) []byte {
	for i := skipBlank(doc, 0); i < len(doc); i = skipBlank(doc, i) {
		switch c := doc[i]; c {
		case '"':
			end := skipString(doc, i)
			b = append(b, '"')
			b = appendString(b, doc[i+1:end-1])
			b = append(b, '"')
			i = end
		case ',', ':':
			b = append(b, c, ' ')
			i++
		default: // a bracket, or a byte of a number or a word
			b = append(b, c)
			i++
		}
	}
	return b
}

// member finds the raw value of the last member of that name in a JSON object
// (RFC 8259 section 4): nil if there is none, false if the document is not one
// valid object. encoding/json judges validity, and refuses what is nested more
// than 10,000 deep; the walk behind it may trust every byte.
func member(doc []byte, name string) (value []byte, ok bool) {
	if !json.Valid(doc) {
		return nil, false
	}
	i := skipBlank(doc, 0)
	if doc[i] != '{' {
		return nil, false
	}
	for i = skipBlank(doc, i+1); doc[i] != '}'; {
		end := skipString(doc, i)
		key := doc[i+1 : end-1]
		from := skipBlank(doc, skipBlank(doc, end)+1) // past the colon
		to := skipValue(doc, from)
		if keyIs(key, name) {
			value = doc[from:to]
		}
		if i = skipBlank(doc, to); doc[i] == ',' {
			i = skipBlank(doc, i+1)
		}
	}
	return value, true
}

// keyIs compares the inside of a JSON string with a name, its escapes undone.
func keyIs(key []byte, name string) bool {
	if bytes.IndexByte(key, '\\') < 0 {
		return string(key) == name
	}
	var s string
	quoted := append(append([]byte{'"'}, key...), '"')
	return json.Unmarshal(quoted, &s) == nil && s == name
}

func skipBlank(doc []byte, i int) int {
	for i < len(doc) && (doc[i] == ' ' || doc[i] == '\t' || doc[i] == '\n' || doc[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the index behind the string that starts at i.
func skipString(doc []byte, i int) int {
	for i++; doc[i] != '"'; i++ {
		if doc[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// skipValue returns the index behind the value that starts at i.
func skipValue(doc []byte, i int) int {
	for depth := 0; ; {
		switch doc[i] {
		case '"':
			i = skipString(doc, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			i++
		default: // a number or a word
			for i < len(doc) && bytes.IndexByte([]byte(",:]} \t\n\r"), doc[i]) < 0 {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
}

// appendString appends the inside of a valid JSON string as the inside of an
// ASCII one. A lone surrogate is kept: decoding would lose it.
func appendString(b, s []byte) []byte {
	for i := 0; i < len(s); {
		switch {
		case s[i] != '\\':
			end := i
			for end < len(s) && s[end] != '\\' {
				end++
			}
			b = appendText(b, s[i:end])
			i = end
		case s[i+1] == 'u':
			b = appendUnit(b, unhex(s[i+2:i+6]))
			i += 6
		case s[i+1] == '/':
			b = append(b, '/')
			i += 2
		default:
			b = append(b, s[i], s[i+1])
			i += 2
		}
	}
	return b
}

// appendText appends UTF-8 text as the inside of an ASCII JSON string.
func appendText(b, s []byte) []byte {
	for i := 0; i < len(s); {
		from := i
		for i < len(s) && plain[s[i]] {
			i++
		}
		b = append(b, s[from:i]...)
		if i == len(s) {
			break
		}
		if c := s[i]; c < utf8.RuneSelf {
			b = appendUnit(b, rune(c))
			i++
			continue
		}
		r, size := utf8.DecodeRune(s[i:])
		if r > 0xFFFF {
			high, low := utf16.EncodeRune(r)
			b = appendUnit(appendUnit(b, high), low)
		} else {
			b = appendUnit(b, r)
		}
		i += size
	}
	return b
}

// plain tells the bytes that stand for themselves inside an ASCII JSON string.
var plain = func() (is [256]bool) {
	for c := ' '; c <= '~'; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// appendUnit appends one UTF-16 code unit, escaped if it must be.
func appendUnit(b []byte, u rune) []byte {
	switch {
	case u == '"' || u == '\\':
		return append(b, '\\', byte(u))
	case u >= ' ' && u <= '~':
		return append(b, byte(u))
	case u == '\n':
		return append(b, '\\', 'n')
	case u == '\r':
		return append(b, '\\', 'r')
	case u == '\t':
		return append(b, '\\', 't')
	case u == '\b':
		return append(b, '\\', 'b')
	case u == '\f':
		return append(b, '\\', 'f')
	}
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
}

// unhex reads four hexadecimal digits.
func unhex(digits []byte) (u rune) {
	for _, d := range digits {
		u <<= 4
		switch {
		case d <= '9':
			u |= rune(d - '0')
		case d <= 'F':
			u |= rune(d-'A') + 10
		default:
			u |= rune(d-'a') + 10
		}
	}
	return u
}
