package main

import "golang.org/x/sys/unix"

const usualRuntime = "/run/assent"

func peerUID(fd uintptr) (uint32, error) {
	who, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, err
	}
	return who.Uid, nil
}
