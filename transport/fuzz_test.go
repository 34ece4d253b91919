package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rollcall/rollcall"
)

// Anybody may put anything into a query. Where the standard library reads it
// without a doubt, so must we; and an e-mail that is escaped, byte by byte, is
// always found.
func FuzzQueryGivesTheFirstEmail(f *testing.F) {
	for _, seed := range []string{
		"email=user@example.com", "email=a+b@example.com", "email=a%2Bb@example.com", "a=1&email=&email=x", "e%6Dail=x",
		"email", "email=", "=email", "&&email=%", "email=%4", "email=%zz%41", "email=a=b", "email=a;b", "email=%00%ff", "EMAIL=x&email=y",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got := emailOf(query)
		if parsed, err := url.ParseQuery(query); err == nil && !strings.ContainsAny(query, "+;") {
			want := ""
			for _, value := range parsed["email"] {
				if want == "" {
					want = value
				}
			}
			if got != want {
				t.Fatalf("%q has the e-mail %q, want %q", query, got, want)
			}
		}
		if query == "" {
			return
		}
		escaped := ""
		for i := range len(query) {
			escaped += fmt.Sprintf("%%%02x", query[i])
		}
		if got := emailOf("x=1&email=&email=" + escaped + "&email=other"); got != query {
			t.Fatalf("%q comes out of its escapes as %q", query, got)
		}
	})
}

// blanks are those of ASCII: Python splits a header at them.
const blanks = " \t\n\v\f\r"

// What comes out of a header is a token or a refusal, and never both or a part
// of one.
func FuzzAuthorizationIsATokenOrAProblem(f *testing.F) {
	for _, seed := range []string{
		"Token 0123456789abcdef", "token x", "Token", "Token  a b", "Token\ta", "Bearer x", "", " ", "Token \xff", "TOKEN é", "Token a\u00a0b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		token, problem := tokenOf(http.Header{"Authorization": {header}})
		if (token == "") == (problem == "") {
			t.Fatalf("%q is the token %q and the problem %q", header, token, problem)
		}
		if problem != "" {
			if !strings.HasPrefix(problem, "Invalid token header. ") && problem != "Authentication credentials were not provided." {
				t.Fatalf("%q is refused with %q, which the original never says", header, problem)
			}
			return
		}
		keyword, ok := strings.CutSuffix(strings.TrimRight(header, blanks), token)
		if !ok || !strings.EqualFold(strings.Trim(keyword, blanks), "Token") ||
			!utf8.ValidString(token) || strings.ContainsAny(token, blanks) {
			t.Fatalf("%q gives the token %q", header, token)
		}
		if again, problem := tokenOf(http.Header{"Authorization": {"Token " + token}}); again != token || problem != "" {
			t.Fatalf("the token %q comes back as %q, %q", token, again, problem)
		}
	})
}

// A cursor comes from anywhere. What is read as one is the place that was given
// out, and each place is found again.
func FuzzCursorIsAPlaceOrNothing(f *testing.F) {
	for _, seed := range []string{"", "dXNlckBleGFtcGxlLmNvbQ", "dXNlckBleGFtcGxlLmNvbQ==", "dXNlckBleGFtcGxlLmNvbR", "user@example.com", "_-", "\x00", "w7w", "dXNl\ncg"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if place, ok := readCursor(text); ok && newCursor(place) != text {
			t.Fatalf("%q is read as the place of %q, whose cursor is %q", text, place, newCursor(place))
		}
		if e, err := rollcall.ParseEmail(text); err == nil {
			if place, ok := readCursor(newCursor(e)); !ok || place != e {
				t.Fatalf("the cursor of %q is read as %q, %t", e, place, ok)
			}
		}
	})
}

// Any bytes may come as a body. What is taken for a message is one frame of valid
// JSON, in ASCII, with the same value in it; and nothing goes to everybody that
// names somebody.
func FuzzBodyIsAMessageOrAProblem(f *testing.F) {
	for _, seed := range []string{
		`{"message":1}`, `{"message":{"a":["ü\ud800",1e9,null]},"id":"x"}`, `{"emails":["a"],"message":""}`, `{"emails":null,"message":1}`,
		`{"Emails":["a"],"message":1}`, `{"message":1,"message":2}`, `null`, `[`, "", `{"message":"\u0000"}`, "{\"message\":\"\xff\"}", `{"message":1} x`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		asked, err := (&call{Request: r, w: httptest.NewRecorder()}).read("message", "id", "emails")
		var o outgoing
		if err == nil {
			if o, err = newOutgoing(asked); err == nil {
				wantPush(t, asked["message"], o.frame)
			}
		}
		listed := false
		if err == nil {
			_, listed, err = asked.emails()
		}
		if err != nil {
			if wrong, ok := errors.AsType[problem](err); !ok || wrong.status < 400 || wrong.status > 499 || wrong.detail == "" {
				t.Fatalf("%q is %v, and no problem of the client's", body, err)
			}
			return
		}
		if !listed && bytes.Contains(bytes.ToLower(body), []byte(`"emails"`)) && json.Valid(body) {
			var members map[string]json.RawMessage
			if _ = json.Unmarshal(body, &members); members["emails"] != nil {
				t.Fatalf("%q has a list, and is for everybody", body)
			}
		}
	})
}

// wantPush compares a frame with the message that it was made of.
func wantPush(t *testing.T, message, frame []byte) {
	t.Helper()
	var read struct{ Message any }
	var want any
	if err := json.Unmarshal(frame, &read); err != nil {
		t.Fatalf("the frame of %q is %q: %v", message, frame, err)
	}
	_ = json.Unmarshal(message, &want)
	if !reflect.DeepEqual(read.Message, want) || bytes.ContainsFunc(frame, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Fatalf("the frame of %q is %q", message, frame)
	}
}
