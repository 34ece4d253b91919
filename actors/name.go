package actors

import (
	"encoding/base64"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
)

// The names of the actors that have one. A session is named by its ID.
const (
	registryName = "registry"
	writerName   = "writer"
	sweeperName  = "sweeper"
)

// sessionName is the name of a session's actor, which is kept three times for each:
// so it is short.
func sessionName(id rollcall.SessionID) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// sessionOf is the session that an actor of that name is; false for any other actor.
func sessionOf(name string) (id rollcall.SessionID, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(name)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	return rollcall.SessionID(b), true
}

// childPID is the session of that ID, for the registry whose child it is.
func childPID(c actor.Context, id rollcall.SessionID) *actor.PID {
	return actor.NewPID(c.Self().Address, c.Self().Id+"/"+sessionName(id))
}
