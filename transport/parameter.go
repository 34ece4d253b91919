package transport

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	// maxListed is the most that one page has, or that one request may ask for by
	// name; more is answered 400.
	maxListed = 1000
	// usualPage is how many a page has for those who do not say.
	usualPage = 100
	// maxReason is what a close frame has room for: RFC 6455 section 5.5.
	maxReason = 123
)

// parameter finds the first one of that name. A query of the API is a URL's, as
// that of the handshake is.
func (c *call) parameter(name string) (value string, given bool) {
	for raw := range c.raw(name) {
		return unescape(raw), true
	}
	return "", false
}

// raw yields all values of that name, still escaped.
func (c *call) raw(name string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key, value := range c.pairs {
			if key == name && !yield(value) {
				return
			}
		}
	}
}

// pairs yields all parameters, each value still escaped.
func (c *call) pairs(yield func(name, raw string) bool) {
	for pair := range strings.SplitSeq(c.URL.RawQuery, "&") {
		if pair == "" {
			continue
		}
		if name, raw, _ := strings.Cut(pair, "="); !yield(unescape(name), raw) {
			return
		}
	}
}

// onlyParameters refuses a query with any other: who misspells whom they mean must
// not reach everybody.
func (c *call) onlyParameters(names []string) error {
	for name := range c.pairs {
		if !slices.Contains(names, name) {
			return badValue("query", fmt.Sprintf("has a parameter %.64q, which is not known here", name))
		}
	}
	return nil
}

// limit is how many a page is to have.
func (c *call) limit() (int, error) {
	value, _ := c.parameter("limit")
	if value == "" {
		return usualPage, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > maxListed {
		return 0, badValue("limit", fmt.Sprintf("must be a number from 1 to %d", maxListed))
	}
	return n, nil
}

// flag is a parameter that is true if it is there, unless its value says no.
func (c *call) flag(name string) (bool, error) {
	value, given := c.parameter(name)
	switch value {
	case "":
		return given, nil
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, badValue(name, "must be true or false, or without a value")
}

// instant is a time, or zero if there is none.
func (c *call) instant(name string) (time.Time, error) {
	value, given := c.parameter(name)
	if !given {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}, badValue(name, "must be a time such as 2025-10-21T12:30:00Z")
	}
	return at, nil
}

// emails is a list of them: each parameter of that name may have several, with
// commas in between. It is nil if there is no such parameter.
func (c *call) emails(name string) ([]rollcall.Email, error) {
	var list []rollcall.Email
	for raw := range c.raw(name) {
		for item := range strings.SplitSeq(raw, ",") {
			e, err := rollcall.ParseEmail(unescape(item))
			if err != nil {
				return nil, badValue(name, "has something that cannot be an e-mail")
			}
			if list = append(list, e); len(list) > maxListed {
				return nil, badValue(name, fmt.Sprintf("may have %d e-mails at the most", maxListed))
			}
		}
	}
	return list, nil
}

// user is the e-mail in the path. What cannot be one is no user's.
func (c *call) user() (rollcall.Email, error) {
	e, err := rollcall.ParseEmail(c.segment)
	if err != nil {
		return "", errNoSuchUser
	}
	return e, nil
}

// kick is the close that an operator asks for, in words of theirs if they like.
func (c *call) kick() (rollcall.Close, error) {
	why := rollcall.CloseDisconnected
	words, _ := c.parameter("reason")
	if words == "" { // a close must say something
		return why, nil
	}
	if why.Reason = words; len(words) > maxReason || clean(words) != words {
		return why, badValue("reason", fmt.Sprintf("must be UTF-8 of %d bytes at the most", maxReason))
	}
	return why, nil
}
