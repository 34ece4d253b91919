package transport

import (
	"maps"
	"net/http"
	"slices"
	"testing"
)

// A client that has the list is told so and no more; one that has another, of
// another time or another server, gets it.
func TestKnownListIsNotSentAgain(t *testing.T) {
	s, other := start(t), start(t)
	with := func(ifNoneMatch ...string) http.Header {
		return http.Header{"Authorization": {"Token " + goodToken0}, "If-None-Match": ifNoneMatch}
	}
	first, list := ask(t, s, "GET", activePath, with())
	tag := first.Header.Get("ETag")
	elsewhere, _ := ask(t, other, "GET", activePath, with())
	if foreign := elsewhere.Header.Get("ETag"); foreign == tag || foreign == "" {
		t.Fatalf("two servers give the tags %s and %s", tag, foreign)
	}
	opaque := tag[len("W/"):]
	for _, c := range []struct {
		known []string
		has   bool
	}{
		{[]string{tag}, true},
		{[]string{opaque}, true}, // the comparison is weak
		{[]string{`"a", ` + tag + ` ,"b"`}, true},
		{[]string{`"a"`, "W/\"b\",\t" + opaque}, true},
		{[]string{`"a,b",` + tag}, true},
		{[]string{" * "}, true},
		{[]string{elsewhere.Header.Get("ETag")}, false},
		{[]string{`"a,` + opaque[1:len(opaque)-1] + `,b"`}, false},
		{[]string{opaque[1 : len(opaque)-1]}, false},
		{[]string{"w/" + opaque}, false},
		{[]string{`""`, "", ",,", `"*"`}, false},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			answer, body := ask(t, s, method, activePath, with(c.known...))
			want := http.StatusOK
			if c.has {
				want = http.StatusNotModified
			}
			if answer.StatusCode != want || answer.Header.Get("ETag") != tag || (body == list) != (!c.has && method == "GET") {
				t.Errorf("%s of one that has %q: %d, %s, %q", method, c.known, answer.StatusCode, answer.Header.Get("ETag"), body)
			}
			if answer.Header.Get("Vary") != "Accept, Accept-Encoding" || answer.Header.Get("Cache-Control") != "private, no-cache" {
				t.Errorf("the headers are %v", answer.Header)
			}
			if c.has && (body != "" || answer.Header.Get("Content-Type")+answer.Header.Get("Content-Length") != "") {
				t.Errorf("what is not sent is described all the same: %q %v", body, answer.Header)
			}
		}
	}
	dial(t, s, "/ws/connect/?email=user@example.com").read()
	if answer, _ := ask(t, s, "GET", activePath, with(tag)); answer.StatusCode != 200 || answer.Header.Get("ETag") == tag {
		t.Errorf("after a join the old tag is answered %d with the tag %s", answer.StatusCode, answer.Header.Get("ETag"))
	}
}

// Nobody learns from a tag that has been seen somewhere whether the list is still
// the same.
func TestTagIsNoToken(t *testing.T) {
	s := start(t)
	for _, token := range []string{"", "Token", "Token other"} {
		answer, _ := ask(t, s, "GET", activePath, http.Header{"Authorization": {token}, "If-None-Match": {"*"}})
		if answer.StatusCode != 401 || answer.Header.Get("ETag") != "" || answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q is answered %d with %v", token, answer.StatusCode, answer.Header)
		}
	}
}

// HEAD is GET without the body (RFC 9110 section 9.3.2), its length and coding
// included.
func TestHeadHasTheHeadersOfGet(t *testing.T) {
	s := start(t, func(c *Config) { c.Presence = newCrowd(100); c.Node = "here" })
	for _, coding := range []string{"identity", "gzip"} {
		header := http.Header{"Authorization": {"Token " + goodToken0}, "Accept-Encoding": {coding}}
		get, body := ask(t, s, "GET", activePath, header)
		head, none := ask(t, s, "HEAD", activePath, header)
		for _, h := range []http.Header{get.Header, head.Header} {
			h.Del("Date")
		}
		if !maps.EqualFunc(get.Header, head.Header, slices.Equal) || none != "" || int64(len(body)) != head.ContentLength {
			t.Errorf("with %s HEAD has %v, and GET %v", coding, head.Header, get.Header)
		}
		if (get.Header.Get("Content-Encoding") == "gzip") != (coding == "gzip") {
			t.Errorf("with %s the coding is %q", coding, get.Header.Get("Content-Encoding"))
		}
	}
}

// A crash in the writing of the list is a 503, and the server goes on.
func TestQueryIsAnsweredAfterACrash(t *testing.T) {
	s := start(t, func(c *Config) { c.Presence = &slowPresence{crash: true} })
	good := http.Header{"Authorization": {"Token " + goodToken0}}
	for _, want := range []int{503, 200} {
		answer, _ := ask(t, s, "GET", activePath, good)
		if answer.StatusCode != want || (answer.Header.Get("Retry-After") != "") != (want == 503) {
			t.Errorf("the answer is %d with %v, want %d", answer.StatusCode, answer.Header, want)
		}
	}
}
