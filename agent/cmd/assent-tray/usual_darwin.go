package main

import "golang.org/x/sys/unix"

const usualRuntime = "/var/run/assent"

func peerUID(fd uintptr) (uint32, error) {
	who, err := unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err
	}
	return who.Uid, nil
}
