package main

import "github.com/rollcall/rollcall/persistence/persistencetest"

// database returns the URL to measure on: the one that was given, or that of a
// server that is started here and ended by the function that comes with it. Its
// commits reach the disk before they are answered, as in earnest.
func database(given string) (url string, done func(), err error) {
	if given != "" {
		return given, func() {}, nil
	}
	s, err := persistencetest.NewServer()
	if err != nil {
		return "", nil, err
	}
	if err := s.Start("fsync=on", "full_page_writes=on", "synchronous_commit=on"); err != nil {
		s.Close()
		return "", nil, err
	}
	return s.URL("postgres"), s.Close, nil
}
