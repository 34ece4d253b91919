package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

const (
	// maxPush is the longest frame that is pushed, in bytes as it is sent: it is what
	// a socket may hold whatever the others do, so that a push to everybody ends
	// nobody who reads. A longer one is answered 413.
	maxPush = heldShare
	// maxPushID is the longest ID that the application may give a message, in
	// characters.
	maxPushID = 128
)

// pushed tells how many sessions of this server took a message.
type pushed struct {
	ID       string `json:"id"`
	Sessions int    `json:"sessions"`
}

// outgoing is a message as its clients will read it.
type outgoing struct {
	frame []byte
	id    string
}

// newOutgoing checks the message of a body and writes its frame.
func newOutgoing(asked object) (o outgoing, err error) {
	message, ok := asked["message"]
	if !ok {
		return o, badValue("message", "is missing")
	}
	if id, given := asked["id"]; !given {
		o.id = uuid.Must(uuid.NewV7()).String() // fails only without a source of randomness
	} else if json.Unmarshal(id, &o.id) != nil || o.id == "" /* as null leaves it */ || utf8.RuneCountInString(o.id) > maxPushID {
		return o, badValue("id", fmt.Sprintf("must be a string of 1 to %d characters", maxPushID))
	}
	if o.frame = rollcall.Push(message, o.id); len(o.frame) > maxPush {
		return o, problem{http.StatusRequestEntityTooLarge, fmt.Sprintf("The message may have %d bytes as it is sent.", maxPush)}
	}
	return o, nil
}

// push sends a message to those who are listed, or to everybody.
func (s *Server) push(c *call) (any, error) {
	asked, err := c.read("message", "id", "emails")
	if err != nil {
		return nil, err
	}
	to, listed, err := asked.emails()
	if err != nil {
		return nil, err
	}
	// Who is listed twice is told once, and who cannot be a user is not here.
	to = slices.DeleteFunc(to, func(e rollcall.Email) bool { return !possible(e) })
	slices.Sort(to)
	return s.pushFrame(c.Context(), asked, slices.Compact(to), !listed)
}

// pushToUser sends a message to every session of one user.
func (s *Server) pushToUser(c *call) (any, error) {
	asked, err := c.read("message", "id")
	if err != nil {
		return nil, err
	}
	email, err := c.user()
	if err != nil {
		return nil, err
	}
	told, err := s.pushFrame(c.Context(), asked, []rollcall.Email{email}, false)
	if err == nil && told.Sessions == 0 {
		err = s.wantUser(c.Context(), email)
	}
	return told, err
}

func (s *Server) pushFrame(ctx context.Context, asked object, to []rollcall.Email, everybody bool) (pushed, error) {
	o, err := newOutgoing(asked)
	if err != nil {
		return pushed{}, err
	}
	if s.config.Reaching == nil {
		return pushed{}, errAbsent
	}
	ctx, cancel := context.WithTimeout(ctx, presenceTimeout)
	defer cancel()
	took, err := s.config.Reaching.Push(ctx, to, everybody, o.frame)
	if err != nil {
		return pushed{}, fmt.Errorf("pushing a message: %w", err)
	}
	return pushed{o.id, took}, nil
}

// wantUser tells an e-mail that is nobody's from a user who is not here. Without
// the database nobody can tell, and then it is the latter.
func (s *Server) wantUser(ctx context.Context, e rollcall.Email) error {
	known, err := s.archive.known(ctx, []rollcall.Email{e})
	if _, isUser := known[e]; err == nil && !isUser {
		return errNoSuchUser
	}
	return nil
}
