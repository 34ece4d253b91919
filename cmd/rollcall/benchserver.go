package main

import (
	"errors"
	"fmt"

	"github.com/alecthomas/kong"
	"github.com/rollcall/rollcall/cmd/rollcall/bench"
)

// benchServer is what the server of a bench will be told: by the flags of --with, and
// by the variables of its environment.
type benchServer struct {
	shared
	settings
}

// BeforeReset leaves the database to the bench, which has the users there.
func (*benchServer) BeforeReset(line *kong.Context) error {
	if _, given := databaseFlag(line); given {
		return errors.New("--database is for bench itself, and not for --with")
	}
	return nil
}

// Validate checks the settings, and not the database that the server will not use.
func (s *benchServer) Validate() error { return s.settings.Validate() }

// benchPlaces is how many clients that server will take, as it will count them itself.
func benchPlaces(with []string) (places bench.Places, err error) {
	var server benchServer
	parser, err := kong.New(&server, kong.NoDefaultHelp())
	if err != nil {
		return places, fmt.Errorf("reading --with: %w", err)
	}
	if _, err = parser.Parse(joinNegatives(with)); err == nil {
		places.Sockets, places.Watchers, err = server.places()
	}
	if err != nil {
		return places, fmt.Errorf("the server to be started: %w", err)
	}
	return places, nil
}
