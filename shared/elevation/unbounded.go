package elevation

import "strings"

// Unbounded reports whether the program at path can start any other program or
// change any file, by its name: interpreters, shells, editors, pagers, loaders,
// programs that run others and programs that write what they are told to. The
// name is a hint only, in both directions: it asks for care, it is no safety. A
// renamed copy is caught by the mark that the endpoint gives it, or not at all.
func Unbounded(path string) bool {
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	name = strings.TrimSuffix(strings.ToLower(name), ".exe")
	if strings.HasPrefix(name, "ld-linux") || strings.HasPrefix(name, "ld-musl") || strings.HasPrefix(name, "ld-2.") || name == "ld.so" || name == "ld64.so.2" || name == "ld.so.1" {
		return true
	}
	base := unversioned(name)
	for _, table := range [...]string{unboundedShells, unboundedInterpreters, unboundedEditors, unboundedRunners, unboundedWriters, unboundedWindows} {
		if listed(table, name, base) {
			return true
		}
	}
	return false
}

// listed reports whether one of the names is a word of the table.
func listed(table, name, base string) bool {
	for word := range strings.FieldsSeq(table) {
		if word == name || word == base {
			return true
		}
	}
	return false
}

// unversioned cuts what a distribution appends to a name: python3.11,
// perl5.36-x86_64-linux-gnu, php-8.2, vim.basic. Other names stay whole.
func unversioned(name string) string {
	i := strings.IndexFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' })
	if i < 0 {
		return name
	}
	rest := strings.TrimPrefix(name[i:], "-")
	if rest != "" && (rest[0] == '.' || rest[0] >= '0' && rest[0] <= '9') {
		return name[:i]
	}
	return name
}

const (
	unboundedShells       = `sh bash dash ash zsh ksh mksh fish csh tcsh rbash busybox toybox pwsh powershell cmd xonsh nu elvish`
	unboundedInterpreters = `python pypy ipython perl ruby irb node nodejs deno bun lua luajit php tclsh wish expect awk gawk mawk nawk original-awk
		java jshell jrunscript groovy scala ghci guile erl escript iex elixir julia r rscript octave gdb lldb jjs osascript
		wscript cscript mshta rundll32 regsvr32 msiexec`
	unboundedEditors = `vi vim view vimdiff rvim ex nvim nano rnano pico emacs emacsclient ed red joe jed mcedit micro helix kak ne editor code gedit kate
		less more most pg pager man info bat mc ranger notepad`
	unboundedRunners = `env sudo su doas pkexec runuser setpriv setsid nohup nice ionice chrt taskset timeout time stdbuf xargs parallel find
		chroot unshare nsenter systemd-run machinectl script screen tmux watch flock strace ltrace make cmake ssh scp sftp ftp rsync git
		docker podman nerdctl ctr crictl runc lxc virsh kubectl at batch crontab start-stop-daemon run-parts ssh-agent dbus-run-session
		xvfb-run fakeroot proot unbuffer capsh newgrp sg socat nc ncat nmap tcpdump`
	unboundedWriters = `cp mv dd tee install ln chmod chown chgrp chattr setfacl setcap sed tar zip unzip cpio ar patch truncate shred sponge 7z
		curl wget split csplit mount insmod modprobe usermod useradd passwd chpasswd visudo vipw vigr sudoedit`
	// Of Windows: what starts other programs, changes the registry, services or tasks,
	// or has a dialog for files, in which any program can be started.
	unboundedWindows = `powershell_ise wsl wslhost conhost mmc regedit regedt32 reg regini explorer control taskmgr eventvwr perfmon resmon msconfig
		wordpad write mspaint charmap iexplore msedge hh winword excel powerpnt notepad++ schtasks sc wmic forfiles pcalua runas psexec psexec64
		installutil msbuild regasm regsvcs csc vbc dnx certutil bitsadmin net net1 netsh bcdedit takeown icacls robocopy xcopy diskpart vssadmin
		winget choco scoop devenv procexp procexp64 sysprep pkgmgr dism odbcconf xwizard presentationhost`
)

// Interpreter reports whether the program at path, by its name, is a shell or
// runs a language: what it does is in its arguments or in what it reads.
func Interpreter(path string) bool {
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	name = strings.TrimSuffix(strings.ToLower(name), ".exe")
	base := unversioned(name)
	return listed(unboundedShells, name, base) || listed(unboundedInterpreters, name, base)
}
