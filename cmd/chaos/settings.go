package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
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

// parse reads the command line. Help goes to out; what is wrong is for the
// caller to say.
func parse(args []string, out io.Writer) (s settings, err error) {
	s.only = regexp.MustCompile("") // all
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // it would print the whole help under each mistake
	flags.StringVar(&s.rollcall, "rollcall", "", "the server's binary; it is built if none is given")
	flags.DurationVar(&s.duration, "duration", 2*time.Minute, "how long bad things are done")
	flags.Uint64Var(&s.seed, "seed", 0, "what is done; 0 draws one. How it falls out also depends on the machine")
	flags.IntVar(&s.clients, "clients", 300, "how many clients there are, two of ten being the second of a user")
	flags.IntVar(&s.servers, "servers", 3, "how many servers run")
	flags.DurationVar(&s.pause, "pause", 6*time.Second, "the pause between two faults, on average")
	flags.DurationVar(&s.lease, "lease", 2*time.Second, "the servers' lease")
	flags.DurationVar(&s.slack, "slack", 0, "what is added to every bound, on a machine that is busy otherwise; the time of an echo is reported then, and not judged")
	flags.Func("faults", "a regular expression; only what it matches is done", func(text string) (err error) {
		s.only, err = regexp.Compile(text)
		return err
	})
	flags.StringVar(&s.logs, "logs", "", "a folder to keep the servers' logs in; else they are kept only if something went wrong")
	flags.StringVar(&s.json, "json", "", "a file for the report")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(out)
			flags.PrintDefaults()
		}
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("nothing is known about %q", flags.Arg(0))
	}
	if s.seed == 0 {
		s.seed = rand.Uint64N(1_000_000) + 1
	}
	return s, s.wrong()
}

// wrong says what cannot be done.
func (s settings) wrong() error {
	switch {
	case s.duration <= 0:
		return fmt.Errorf("in %s nothing can be done: -duration must be positive", s.duration)
	case s.clients < 1 || s.servers < 1:
		return errors.New("there must be a client and a server")
	case s.pause <= 0 || s.slack < 0:
		return errors.New("-pause must be positive, and -slack not negative")
	case s.lease < time.Second:
		return errors.New("-lease must be a second at least")
	case !slices.ContainsFunc(faultKinds, func(k faultKind) bool { return s.only.MatchString(string(k)) }):
		return fmt.Errorf("there is no fault that %q matches; there are %q", s.only, faultKinds)
	}
	return nil
}
