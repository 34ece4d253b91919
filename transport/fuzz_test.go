package transport

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
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
