// Command stayer says that it runs, and stays.
package main

import (
	"os"
	"time"
)

func main() {
	if err := os.WriteFile(`C:\stays.txt`, []byte("x"), 0o600); err != nil {
		os.Exit(1)
	}
	time.Sleep(time.Hour)
}
