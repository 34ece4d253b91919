package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"time"
)

// settings are what a run can be told.
type settings struct {
	rollcall string // the binary; built if empty
	duration time.Duration
	seed     uint64
	clients  int
	servers  int
	pause    time.Duration
	lease    time.Duration
	slack    time.Duration
	only     *regexp.Regexp // the faults
	json     string
	logs     string
}

// parse reads the command line.
func parse(args []string) (s settings, err error) {
	s.only = regexp.MustCompile("") // all
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.StringVar(&s.rollcall, "rollcall", "", "the server's binary; it is built if none is given")
	flags.DurationVar(&s.duration, "duration", 2*time.Minute, "how long bad things are done")
	flags.Uint64Var(&s.seed, "seed", 0, "what is done; 0 draws one. How it falls out also depends on the machine")
	flags.IntVar(&s.clients, "clients", 300, "how many clients there are, two of ten being the second of a user")
	flags.IntVar(&s.servers, "servers", 3, "how many servers run")
	flags.DurationVar(&s.pause, "pause", 6*time.Second, "the pause between two faults, on average")
	flags.DurationVar(&s.lease, "lease", 2*time.Second, "the servers' lease")
	flags.DurationVar(&s.slack, "slack", 0, "what is added to every bound, on a machine that is busy otherwise")
	flags.Func("faults", "a regular expression; only what it matches is done", func(text string) (err error) {
		s.only, err = regexp.Compile(text)
		return err
	})
	flags.StringVar(&s.logs, "logs", "", "a folder to keep the servers' logs in; else they are kept only if something went wrong")
	flags.StringVar(&s.json, "json", "", "a file for the report")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if s.seed == 0 {
		s.seed = rand.Uint64N(1_000_000) + 1
	}
	if s.clients < 1 || s.servers < 1 || s.pause <= 0 || s.lease < time.Second {
		err := errors.New("chaos: there must be a client, a server, a pause and a lease of a second")
		fmt.Fprintln(os.Stderr, err)
		return s, err
	}
	return s, nil
}
