package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

const (
	// maxPush is the longest frame that is pushed, in bytes as it is sent: it is what
	// a socket may hold whatever the others do, so that a push to everybody ends
	// nobody who reads. A longer one is answered 413.
	maxPush = heldShare
	// maxPushID is the longest ID that the application may give a message.
	maxPushID = 128
)

// pushed tells how many sessions took a message.
type pushed struct {
	ID       string `json:"id"`
	Sessions int    `json:"sessions"`
}

// outgoing is a message to be pushed.
type outgoing struct {
	Message json.RawMessage `json:"message"`
	ID      *string         `json:"id"`
}

// frame checks the message and writes it as its clients will read it.
func (o *outgoing) frame() (frame []byte, id string, err error) {
	switch {
	case o.Message == nil:
		return nil, "", badValue("message", "is missing")
	case o.ID == nil:
		id = uuid.Must(uuid.NewV7()).String() // fails only without a source of randomness
	default:
		id = *o.ID
	}
	if id == "" || len(id) > maxPushID {
		return nil, "", badValue("id", fmt.Sprintf("must be a string of 1 to %d bytes", maxPushID))
	}
	if frame = rollcall.Push(o.Message, id); len(frame) > maxPush {
		return nil, "", problem{http.StatusRequestEntityTooLarge, fmt.Sprintf("The message may have %d bytes as it is sent.", maxPush)}
	}
	return frame, id, nil
}

// push sends a message to those who are listed, or to everybody.
func (s *Server) push(c *call) (any, error) {
	var asked struct {
		outgoing
		Emails emailList `json:"emails"`
	}
	if err := c.read(&asked); err != nil {
		return nil, err
	}
	// Who is listed twice is told once, and who cannot be a user is not here.
	to := slices.DeleteFunc(asked.Emails.list, func(e rollcall.Email) bool { return !possible(e) })
	slices.Sort(to)
	return s.pushFrame(c.Context(), &asked.outgoing, slices.Compact(to), !asked.Emails.given)
}

// pushToUser sends a message to every session of one user.
func (s *Server) pushToUser(c *call) (any, error) {
	var asked outgoing
	if err := c.read(&asked); err != nil {
		return nil, err
	}
	email, err := c.user()
	if err != nil {
		return nil, err
	}
	told, err := s.pushFrame(c.Context(), &asked, []rollcall.Email{email}, false)
	if err == nil && told.Sessions == 0 {
		err = s.wantUser(c.Context(), email)
	}
	return told, err
}

func (s *Server) pushFrame(ctx context.Context, o *outgoing, to []rollcall.Email, everybody bool) (pushed, error) {
	frame, id, err := o.frame()
	if err != nil {
		return pushed{}, err
	}
	if s.config.Reaching == nil {
		return pushed{}, errAbsent
	}
	ctx, cancel := context.WithTimeout(ctx, presenceTimeout)
	defer cancel()
	took, err := s.config.Reaching.Push(ctx, to, everybody, frame)
	if err != nil {
		return pushed{}, fmt.Errorf("pushing a message: %w", err)
	}
	return pushed{id, took}, nil
}

// wantUser tells an e-mail that is nobody's from a user who is not here. Without
// the database nobody can tell, and then it is the latter.
func (s *Server) wantUser(ctx context.Context, e rollcall.Email) error {
	known, err := s.archive.known(ctx, []rollcall.Email{e})
	if err == nil && !known[e] {
		return errNoSuchUser
	}
	return nil
}
