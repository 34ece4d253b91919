package bench

import (
	"errors"
	"fmt"
	"time"
)

// mostLoops is how many processes of clients are asked for at the most: more than
// any machine has processors.
const mostLoops = 1000

// leastTime is the shortest time that anything is measured for, or waited between.
const leastTime = time.Millisecond

// atLeast refuses a number that is too small to be meant.
func atLeast[N int | float64](name string, value, least N) error {
	if value < least {
		return fmt.Errorf("--%s must be at least %v, not %v", name, least, value)
	}
	return nil
}

// atMost refuses a number that is larger than what has been tried.
func atMost(name string, value, most int) error {
	if value > most {
		return fmt.Errorf("--%s must be at most %d, not %d", name, most, value)
	}
	return nil
}

// lasts refuses a time that is too short to be meant.
func lasts(name string, d time.Duration) error {
	if d < leastTime {
		return fmt.Errorf("--%s must be at least %s, not %s", name, leastTime, d)
	}
	return nil
}

// more refuses a rate at which nothing would happen.
func more(name string, rate float64) error {
	if !(rate > 0) {
		return fmt.Errorf("--%s must be more than 0, not %v", name, rate)
	}
	return nil
}

// Check refuses what no scenario can do.
func (c Config) Check() error {
	err := errors.Join(atLeast("rounds", c.Rounds, 1), atLeast("loops", c.Loops, 1), atMost("loops", c.Loops, mostLoops))
	switch {
	case err != nil:
		return err
	case c.Server != nil && (c.Server.Scheme != "http" || c.Server.Host == ""):
		return errors.New("--server must be http://HOST:PORT")
	case c.Server == nil && c.PID != 0:
		return errors.New("--pid is of a server that runs: --server")
	case c.Server != nil && len(c.Flags) > 0:
		return errors.New("--with is for a server that is started, and not for --server")
	}
	return nil
}
