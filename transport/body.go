package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rollcall/rollcall"
)

const (
	// maxBody is the most that a request may send: a thousand long e-mails fit. More
	// is answered 413.
	maxBody = 1 << 20
	// bodyTimeout is how long a client may take to send it; then it is answered 408
	// and cut off.
	bodyTimeout = 10 * time.Second
)

// read reads a JSON body. A member that nobody knows is refused: one that was
// misspelt must not turn a message to some into one to everybody.
func (c *call) read(into any) error {
	media, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return problem{http.StatusUnsupportedMediaType, "The body must be application/json."}
	}
	text, err := c.body()
	if err != nil {
		return err
	}
	if !utf8.Valid(text) {
		return badValue("body", "is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badBody(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badValue("body", "has something behind its JSON")
	}
	return nil
}

// body gives the client time to send what it has announced. Nobody else has:
// see visitors.answering.
func (c *call) body() ([]byte, error) {
	tooLarge := problem{http.StatusRequestEntityTooLarge, fmt.Sprintf("The body may have %d bytes.", maxBody)}
	if c.ContentLength > maxBody {
		return nil, tooLarge
	}
	control := http.NewResponseController(c.w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	text, err := io.ReadAll(http.MaxBytesReader(c.w, c.Body, maxBody))
	if err != nil { // what is left of it is not waited for
		_ = control.SetReadDeadline(time.Now())
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.w.Header().Set("Connection", "close")
		return nil, problem{http.StatusRequestTimeout, fmt.Sprintf("The body did not come within %s.", bodyTimeout)}
	case err != nil:
		return nil, badValue("body", "was cut short")
	}
	return text, nil
}

// badBody says what is wrong with JSON.
func badBody(err error) error {
	if wrong, ok := errors.AsType[problem](err); ok {
		return wrong
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return badValue(wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:], "must not be a JSON "+wrong.Value)
	}
	return badValue("body", err.Error())
}

// emailList is the member "emails" of a body.
type emailList struct {
	given bool
	list  []rollcall.Email // as sent: they may be anything
}

// UnmarshalJSON implements [json.Unmarshaler]. A list that is null is an error,
// and not everybody.
func (l *emailList) UnmarshalJSON(text []byte) error {
	l.given = true
	if text[0] != '[' {
		return badValue("emails", "must be a list")
	}
	var items []*rollcall.Email
	if err := json.Unmarshal(text, &items); err != nil {
		return badValue("emails", "must be a list of strings")
	}
	if len(items) > maxListed {
		return badValue("emails", fmt.Sprintf("may have %d e-mails at the most", maxListed))
	}
	for _, e := range items {
		if e == nil {
			return badValue("emails", "must be a list of strings")
		}
		l.list = append(l.list, *e)
	}
	return nil
}
