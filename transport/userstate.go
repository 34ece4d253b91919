package transport

import (
	"context"
	"fmt"

	"github.com/rollcall/rollcall"
)

// userState is what is told of each of many users.
type userState struct {
	Email        rollcall.Email  `json:"email"`
	Online       bool            `json:"online"`
	Known        *bool           `json:"known"`         // null: the database could not be asked
	ConnectedAt  *rollcall.Stamp `json:"connected_at"`  // null: offline
	LastActivity *rollcall.Stamp `json:"last_activity"` // the same
}

// userStates answers a query.
type userStates struct {
	Users []userState `json:"users"`
}

// newUserState is what is told of a user under the user's own spelling, and of one
// who is offline, for now, under that which was asked for. Whoever is online was
// admitted, and so is a user.
func newUserState(asked rollcall.Email, s rollcall.UserState) userState {
	if !s.Online {
		return userState{Email: asked}
	}
	known, since, active := true, rollcall.Stamp(s.Entry.ConnectedAt), rollcall.Stamp(s.Entry.LastActivity)
	return userState{s.Entry.Email, true, &known, &since, &active}
}

// queryUsers answers the state on this server of each user in the order asked. An e-mail that
// can be nobody's is unknown, like one that the database does not have.
func (s *Server) queryUsers(c *call) (any, error) {
	asked, err := c.read("emails")
	if err != nil {
		return nil, err
	}
	emails, given, err := asked.emails()
	if err != nil {
		return nil, err
	}
	if !given {
		return nil, badValue("emails", "is missing")
	}
	states, err := s.find(c.Context(), emails)
	if err != nil {
		return nil, err
	}
	told := userStates{Users: make([]userState, len(states))}
	var offline []rollcall.Email
	for i, e := range emails {
		told.Users[i] = newUserState(e, states[i])
		if !states[i].Online && possible(e) {
			offline = append(offline, e)
		}
	}
	s.tellKnown(c.Context(), told.Users, offline)
	return told, nil
}

// find asks memory for users, and leaves out who can be none.
func (s *Server) find(ctx context.Context, emails []rollcall.Email) ([]rollcall.UserState, error) {
	if s.config.Reaching == nil {
		return nil, errAbsent
	}
	ctx, cancel := context.WithTimeout(ctx, presenceTimeout)
	defer cancel()
	states := make([]rollcall.UserState, len(emails))
	var asked []rollcall.Email
	var at []int
	for i, e := range emails {
		if possible(e) {
			asked, at = append(asked, e), append(at, i)
		}
	}
	found, err := s.config.Reaching.Find(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("finding users: %w", err)
	}
	for i, one := range found {
		states[at[i]] = one
	}
	return states, nil
}

// tellKnown completes the states of those who are offline. Without the database
// it leaves open what only that knows: whether they are online here is answered.
func (s *Server) tellKnown(ctx context.Context, users []userState, offline []rollcall.Email) {
	var known map[rollcall.Email]rollcall.Email
	var err error
	if len(offline) > 0 {
		if known, err = s.archive.known(ctx, offline); err != nil {
			s.config.Logger.Debug("answered without the database", "error", err)
		}
	}
	for i, one := range users {
		spelling, isUser := known[one.Email]
		if !one.Online && (err == nil || !possible(one.Email)) {
			users[i].Known = &isUser
		}
		if isUser {
			users[i].Email = spelling
		}
	}
}

// possible reports whether an e-mail could be a user's at all.
func possible(e rollcall.Email) bool {
	_, err := rollcall.ParseEmail(string(e))
	return err == nil
}
