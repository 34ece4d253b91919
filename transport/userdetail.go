package transport

import (
	"slices"
	"time"

	"github.com/rollcall/rollcall"
)

// userDetail is what is told of one user alone, over all servers.
type userDetail struct {
	userState
	LastSeen *rollcall.Stamp `json:"last_seen"` // null: online, or nothing is kept
	Sessions []sessionState  `json:"sessions"`
}

type sessionState struct {
	ID           rollcall.SessionID `json:"id"`
	Node         string             `json:"node"`
	ConnectedAt  rollcall.Stamp     `json:"connected_at"`
	LastActivity rollcall.Stamp     `json:"last_activity"`
	Address      string             `json:"address"`
	UserAgent    string             `json:"user_agent"`
}

func newSessionState(node string, one rollcall.SessionState) sessionState {
	return sessionState{one.ID, node, rollcall.Stamp(one.ConnectedAt), rollcall.Stamp(one.LastActivity), one.Address, one.UserAgent}
}

// newUserDetail puts together what this server's memory has of a user, and what the
// database has of the other servers.
func newUserDetail(asked rollcall.Email, node string, here rollcall.UserState, others []rollcall.SessionElsewhere) userDetail {
	told := userDetail{userState: newUserState(asked, everywhere(here, others)), Sessions: []sessionState{}}
	for _, one := range here.Sessions {
		told.Sessions = append(told.Sessions, newSessionState(node, one))
	}
	for _, one := range others {
		told.Sessions = append(told.Sessions, newSessionState(one.Node, one.SessionState))
	}
	slices.SortStableFunc(told.Sessions, func(a, b sessionState) int {
		return time.Time(a.ConnectedAt).Compare(time.Time(b.ConnectedAt))
	})
	return told
}

// everywhere is the state of a user who is online if on any server: since the first
// session there, and with the newest activity.
func everywhere(here rollcall.UserState, others []rollcall.SessionElsewhere) rollcall.UserState {
	for _, one := range others {
		if !here.Online {
			here.Online = true
			here.Entry = rollcall.Entry{Email: one.Email, ConnectedAt: one.ConnectedAt, LastActivity: one.LastActivity}
		}
		if one.ConnectedAt.Before(here.Entry.ConnectedAt) {
			here.Entry.ConnectedAt = one.ConnectedAt
		}
		if one.LastActivity.After(here.Entry.LastActivity) {
			here.Entry.LastActivity = one.LastActivity
		}
	}
	return here
}

// showUser answers what is known of one user. Without the database that is what this
// server's memory has, and of whom it does not have, nothing is known.
func (s *Server) showUser(c *call) (any, error) {
	email, err := c.user()
	if err != nil {
		return nil, err
	}
	states, err := s.find(c.Context(), []rollcall.Email{email})
	if err != nil {
		return nil, err
	}
	others, err := s.archive.elsewhere(c.Context(), email)
	if err != nil {
		s.config.Logger.Debug("answered without the other servers' sessions", "error", err)
	}
	told := newUserDetail(email, s.config.Node, states[0], others)
	if told.Online || err != nil {
		return told, nil
	}
	users := []userState{told.userState}
	s.tellKnown(c.Context(), users, []rollcall.Email{email})
	if told.userState = users[0]; told.Known == nil {
		return told, nil
	}
	seen, err := s.archive.lastSeen(c.Context(), email)
	switch {
	case err != nil:
		told.Known = nil
	case !seen.IsZero():
		last := rollcall.Stamp(seen)
		told.LastSeen = &last
	case !*told.Known:
		return nil, errNoSuchUser
	}
	return told, nil
}
