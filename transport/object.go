package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rollcall/rollcall"
)

// object is a JSON object, its members as they were sent.
type object map[string]json.RawMessage

// readObject takes names to the letter, and each at most once: a member that was
// misspelt, or of which another reader would take the other one, must not turn a
// message to some into one to everybody.
func readObject(text []byte, names []string) (object, error) {
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return nil, badValue("body", "is empty")
	case !utf8.Valid(text):
		return nil, badValue("body", "is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := json.Unmarshal(text, new(json.RawMessage)); err != nil {
		return nil, badJSON(err)
	}
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return nil, badValue("body", "must be a JSON object")
	}
	members := make(object)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, badJSON(err)
		}
		name := fmt.Sprint(token)
		if !slices.Contains(names, name) {
			return nil, badValue("body", fmt.Sprintf("has a member %.64q, which is not known", name))
		}
		if _, again := members[name]; again {
			return nil, badValue(name, "is there twice")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, badJSON(err)
		}
		members[name] = value
	}
	return members, nil
}

// maxDepth is how deep a body may be nested, itself included. Package encoding/json
// has this limit, and says so in words alone; a deeper one is answered 400.
const (
	maxDepth = 10_000
	tooDeep  = "exceeded max depth"
)

// badJSON says where it ceases to be JSON: the first byte is number 1.
func badJSON(err error) error {
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		if strings.HasSuffix(wrong.Error(), tooDeep) {
			return badValue("body", fmt.Sprintf("may be nested %d deep", maxDepth))
		}
		return badValue("body", fmt.Sprintf("is not valid JSON at byte %d", wrong.Offset))
	}
	return badValue("body", "is not valid JSON")
}

// emails is the member of that name, its e-mails as sent: they may be anything. A list that is
// null is an error, and not everybody.
func (o object) emails() (list []rollcall.Email, given bool, err error) {
	text, given := o["emails"]
	if !given {
		return nil, false, nil
	}
	if text[0] != '[' {
		return nil, true, badValue("emails", "must be a list")
	}
	var items []*rollcall.Email
	if err := json.Unmarshal(text, &items); err != nil || slices.Contains(items, nil) {
		return nil, true, badValue("emails", "must be a list of strings")
	}
	if len(items) > maxListed {
		return nil, true, badValue("emails", fmt.Sprintf("may have %d e-mails at the most", maxListed))
	}
	for _, e := range items {
		list = append(list, *e)
	}
	return list, true, nil
}
