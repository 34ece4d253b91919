package transport

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

var errNoSuchSession = problem{http.StatusNotFound, "No such session on this server."}

// disconnected tells how many sessions were ended.
type disconnected struct {
	Sessions int `json:"sessions"`
}

// kick is what the sessions are told, if there is anybody to tell them.
func (s *Server) kick(c *call) (rollcall.Close, error) {
	why, err := c.kick()
	if err == nil && s.config.Reaching == nil {
		err = errAbsent
	}
	return why, err
}

// disconnectUser ends every session of a user.
func (s *Server) disconnectUser(c *call) (any, error) {
	email, err := c.user()
	if err != nil {
		return nil, err
	}
	why, err := s.kick(c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.Context(), presenceTimeout)
	defer cancel()
	ended, err := s.config.Reaching.Disconnect(ctx, email, why)
	if err != nil {
		return nil, fmt.Errorf("disconnecting a user: %w", err)
	}
	if ended == 0 {
		err = s.wantUser(c.Context(), email)
	}
	return disconnected{ended}, err
}

// disconnectSession ends one session.
func (s *Server) disconnectSession(c *call) (any, error) {
	id, err := uuid.Parse(c.segment)
	if err != nil {
		return nil, errNoSuchSession
	}
	why, err := s.kick(c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.Context(), presenceTimeout)
	defer cancel()
	here, err := s.config.Reaching.DisconnectSession(ctx, id, why)
	switch {
	case err != nil:
		return nil, fmt.Errorf("disconnecting a session: %w", err)
	case !here:
		return nil, errNoSuchSession
	}
	return disconnected{1}, nil
}
