package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// messageSize is about what an attempt and its decision have, in bytes.
const messageSize = 600

// decider does per round what a durable, signed answer to a remote question
// costs at least: a message there and back, one signature, one commit that is
// on disk before the answer.
type decider struct {
	db     *sql.DB
	insert *sql.Stmt
	key    ed25519.PrivateKey
	conn   *websocket.Conn
	server *http.Server
	body   []byte
	next   int
}

func newDecider(path string) (*decider, error) {
	db, err := sql.Open("sqlite", path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS answers (id TEXT PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL)"); err != nil {
		return nil, err
	}
	d := &decider{db: db, body: bytes.Repeat([]byte("x"), messageSize)}
	if d.insert, err = db.Prepare("INSERT INTO answers (id, at, body) VALUES (?, ?, ?)"); err != nil {
		return nil, err
	}
	if _, d.key, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d.server = &http.Server{Handler: http.HandlerFunc(d.answer), ReadHeaderTimeout: time.Second}
	go d.server.Serve(listener) // ends with close
	d.conn, _, err = websocket.DefaultDialer.Dial("ws://"+listener.Addr().String(), nil)
	return d, err
}

// answer is the other side: for every message it signs, commits and answers.
func (d *decider) answer(w http.ResponseWriter, r *http.Request) {
	conn, err := new(websocket.Upgrader).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return
		}
		signed := append(ed25519.Sign(d.key, message), message...)
		d.next++
		id := strconv.FormatInt(time.Now().UnixNano(), 36) + strconv.Itoa(d.next)
		if _, err := d.insert.Exec(id, time.Now().UnixMilli(), signed); err != nil {
			return
		}
		if err := conn.WriteMessage(kind, signed); err != nil {
			return
		}
	}
}

func (d *decider) round() error {
	if err := d.conn.WriteMessage(websocket.BinaryMessage, d.body); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	if _, _, err := d.conn.ReadMessage(); err != nil {
		return fmt.Errorf("hear the answer: %w", err)
	}
	return nil
}

func (d *decider) close() error {
	return errors.Join(d.conn.Close(), d.server.Close(), d.db.Close())
}
