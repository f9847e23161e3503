package privilege

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be a program that is started, and another process
// of the agent.
func TestMain(m *testing.M) {
	if playsPart(os.Args) {
		return
	}
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "tell":
			tell()
			os.Exit(7)
		case "stay":
			fmt.Println("staying", leaveChild())
			<-time.After(time.Minute)
		case "starter":
			startThem()
		case "part-brief":
			return
		case "end":
			os.Exit(endTree(os.Args[2]))
		}
	}
	os.Exit(m.Run())
}

// told is what a started program knows.
type told struct {
	Args, Env []string
	Cwd, Exe  string
}

func tell() {
	cwd, _ := os.Getwd()
	exe, _ := os.Executable()
	_ = json.NewEncoder(os.Stdout).Encode(told{Args: os.Args, Env: os.Environ(), Cwd: cwd, Exe: exe})
}

func leaveChild() int {
	child := exec.Command(os.Args[0], "part-child")
	if err := child.Start(); err != nil {
		return 0
	}
	return child.Process.Pid
}

// startThem starts the programs of its input until that ends: "stay" or "brief",
// and the program. It says of each when it runs, or is over.
func startThem() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		how, program, _ := strings.Cut(in.Text(), " ")
		child := exec.Command(program, "part-child")
		if how == "brief" {
			child = exec.Command(program, "part-brief")
		}
		err := child.Start()
		if err == nil && how == "brief" {
			err = child.Wait()
		}
		fmt.Println("started", err)
	}
}

// endTree is the reaper: it knows the tree's name and nothing else.
func endTree(name string) int {
	trees, err := NewTrees(Config{Realm: testRealm})
	if err == nil {
		err = trees.End(context.Background(), TreeRef{Kind: TreeJob, Name: name}, 0)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

const testRealm = "winetest"

// here makes trees in a machine whose folders below trusted only administrators
// change: Wine tells other access lists than were set.
func here(t *testing.T, trusted ...string) *Trees {
	t.Helper()
	trees, err := NewTrees(Config{Realm: testRealm})
	if err != nil {
		t.Fatal(err)
	}
	trees.os.only = func(path string) (bool, error) {
		for _, dir := range trusted {
			if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
				return true, nil
			}
		}
		return false, nil
	}
	return trees
}
