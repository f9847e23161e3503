// Command floor is what benches are compared with: the least that any program
// must do for the same promise, written once and then left alone.
//
// It uses none of Assent's packages, so that an improvement or a mistake there
// never moves the floor. Every verb reads how many rounds to run, one number a
// line, and answers with one line of JSON: the nanoseconds of each round. The
// harness in package bench alternates between floor and product that way.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	switch {
	case len(args) == 3 && args[0] == "decide":
		pace, err := time.ParseDuration(args[2])
		if err != nil {
			return fmt.Errorf("the pace: %w", err)
		}
		d, err := newDecider(args[1])
		if err != nil {
			return err
		}
		return errors.Join(serve(in, out, pace, d.round), d.close())
	case len(args) == 2 && args[0] == "lookup":
		l, err := newLooker(args[1])
		if err != nil {
			return err
		}
		return errors.Join(serve(in, out, 0, l.round), l.close())
	case len(args) == 1 && args[0] == "match":
		return serve(in, out, 0, newMatcher().round)
	case len(args) == 3 && args[0] == "scan":
		sc, err := newScanner(args[1], args[2])
		if err != nil {
			return err
		}
		return errors.Join(serve(in, out, 0, sc.round), sc.db.Close())
	case len(args) == 2 && args[0] == "work":
		return work(args[1], out)
	case len(args) == 3 && args[0] == "commit":
		return commits(args[1], args[2], in, out)
	case len(args) == 2 && args[0] == "hold":
		return hold(args[1], in, out)
	case len(args) >= 2 && args[0] == "time":
		return serve(in, out, 0, func() error { return once(args[1:]) })
	}
	return errors.New("usage: floor decide DATABASE PACE | floor time PROGRAM [ARG] | floor lookup DATABASE | floor match | floor scan DATABASE ROWS | floor commit DATABASE RATE | floor work DATABASE | floor hold FILE")
}

// serve runs and times as many rounds as each line asks for. With a pace, rounds
// are due like arrivals from outside, at random with that mean distance, and
// count from the instant at which they were due.
func serve(in io.Reader, out io.Writer, pace time.Duration, round func() error) error {
	lines := bufio.NewScanner(in)
	arrivals := rand.New(rand.NewPCG(1, 2)) // the same in every run
	for lines.Scan() {
		rounds, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil || rounds < 1 || rounds > 1_000_000 {
			return fmt.Errorf("%q is not a number of rounds", lines.Text())
		}
		took := make([]int64, rounds)
		due := time.Now()
		for i := range took {
			due = due.Add(time.Duration(arrivals.ExpFloat64() * float64(pace)))
			began := due
			if pace == 0 {
				began = time.Now()
			}
			time.Sleep(time.Until(began))
			if err := round(); err != nil {
				return err
			}
			took[i] = time.Since(began).Nanoseconds()
		}
		if err := json.NewEncoder(out).Encode(took); err != nil {
			return err
		}
	}
	return lines.Err()
}

// commits answers each line with rounds that arrive at a rate, in one database.
func commits(path, rate string, in io.Reader, out io.Writer) error {
	perSecond, err := strconv.ParseFloat(rate, 64)
	if err != nil || perSecond <= 0 {
		return fmt.Errorf("the rate %q is not a number", rate)
	}
	c, err := newCommitter(path)
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		rounds, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil || rounds < 1 || rounds > 1_000_000 {
			return fmt.Errorf("%q is not a number of rounds", lines.Text())
		}
		took, err := c.open(rounds, perSecond)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(out).Encode(took); err != nil {
			return err
		}
	}
	return c.close()
}

// once runs a program with nothing on its descriptors and waits for it.
func once(argv []string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	return nil
}
