package transport

import (
	"crypto/rand"
	"strconv"
	"strings"
)

// tagger makes the entity tags of one process's lists (RFC 9110 section 8.8.3).
// A version is a number that begins anew with each process, and so the tag has a
// random word of the process before it.
type tagger struct {
	word string
}

func newTagger() tagger { return tagger{rand.Text()} }

// tag is weak: it is the same whether the list is sent as it is or with gzip, and
// equal lists are all that a client has to know of. Nobody asks for ranges.
func (t tagger) tag(version uint64) string {
	return `W/"` + t.word + "-" + strconv.FormatUint(version, 10) + `"`
}

// matches evaluates If-None-Match (RFC 9110 section 13.1.2) by the weak
// comparison. It may cut at every comma: a tag of somebody else's may have commas
// in it, but no quotes, and so no piece of it looks like a tag of ours.
func matches(ifNoneMatch []string, tag string) bool {
	opaque := strings.TrimPrefix(tag, "W/")
	for _, line := range ifNoneMatch {
		if strings.TrimSpace(line) == "*" {
			return true
		}
		for item := range strings.SplitSeq(line, ",") {
			if strings.TrimPrefix(strings.Trim(item, " \t"), "W/") == opaque {
				return true
			}
		}
	}
	return false
}
