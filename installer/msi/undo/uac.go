package main

import (
	"errors"
	"io/fs"
)

// keys is the registry of this machine. What is not there is [fs.ErrNotExist].
type keys interface {
	read(path, name string) (n uint32, number bool, err error)
	write(path, name string, n uint32) error // into a key that is there
	drop(path, name string) error
	remove(path string) error // a key with its values
}

// policy is what Windows does when somebody without rights starts what needs them,
// and what it did before the installation changed that.
type policy struct {
	keys
	kept, policies string // where it is
}

func uac() policy {
	return policy{machine{}, `SOFTWARE\Assent\UAC`, `SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System`}
}

const (
	markName   = "Set"    // the installation changed it
	beforeName = "Before" // what it was: a number, or an empty text
	policyName = "ConsentPromptBehaviorUser"
)

// refuse is the value that the installation writes: no question, a refusal.
const refuse = 0

// enrollment is the key that the package leaves for an enrolment that may never come.
const enrollment = `SOFTWARE\Assent\Enroll`

// giveBack makes the policy what it was. What an administrator has said since then
// stays. That it was changed is forgotten last, so that it can be tried again.
func (p policy) giveBack() error {
	if _, _, err := p.read(p.kept, markName); err != nil {
		return unlessGone(err)
	}
	before, said, err := p.said(p.kept, beforeName)
	if err != nil {
		return err
	}
	now, says, err := p.said(p.policies, policyName)
	if err != nil {
		return err
	}
	if says && now == refuse {
		if said {
			err = p.write(p.policies, policyName, before)
		} else {
			err = p.drop(p.policies, policyName)
		}
		if err := unlessGone(err); err != nil {
			return err
		}
	}
	return p.forget(p.kept)
}

// said is a number that somebody has said.
func (p policy) said(path, name string) (n uint32, is bool, err error) {
	n, is, err = p.read(path, name)
	return n, is, unlessGone(err)
}

func (p policy) forget(path string) error { return unlessGone(p.remove(path)) }

func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
