# Assent: build, run, test. `make` or `make help` lists the targets.

SHELL      := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS  += --no-print-directory

# The stamp below says what was built; go would fail on a checkout of another user.
export GOFLAGS := $(GOFLAGS) -buildvcs=false

GO        ?= go
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null | sed 's/^v//' | grep -E '^[0-9]+\.' || echo 0.0.0-dev)
COMMIT    ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
STAMP     := github.com/assent-epm/assent/shared/version
LDFLAGS   := -s -w -X $(STAMP).number=$(VERSION) -X $(STAMP).commit=$(COMMIT)
PROGRAMS  := $(patsubst %/,%,$(sort $(dir $(wildcard controller/cmd/assent*/*.go agent/cmd/*/*.go))))
CONSOLE   := controller/console
SHIM      := agent/intercept/sudo/shim
TARGETS   := windows/amd64 windows/arm64 darwin/amd64 darwin/arm64 linux/amd64 linux/arm64
PAM       := agent/privilege/pam
CC_FLAGS  := -std=c11 -O2 -g -fPIC -shared -Wall -Wextra -Werror -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wl,-z,relro,-z,now
PAM_FLAGS := -std=c11 -O2 -g -fPIE -pie -Wall -Wextra -Werror -fstack-protector-strong -D_FORTIFY_SOURCE=2 -Wl,-z,relro,-z,now

.PHONY: help build run demo test check bench mutate package programs shim tray console

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

build: console programs shim tray ## put the programs, the console and the sudo plugin into bin/

programs:
	@mkdir -p bin
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ $(addprefix ./,$(PROGRAMS))
	@echo "built: $(notdir $(PROGRAMS)) (version $(VERSION), commit $(COMMIT))"

# The plugin needs a C compiler and the header that sudo brings; without them
# everything else still works, only sudo is not intercepted. assent_pam asks PAM
# for passwords of a directory.
shim:
	@if ! ls $(SHIM)/*.c >/dev/null 2>&1; then echo "not built: assent_sudo.so, its source is missing"; \
	elif ! command -v cc >/dev/null; then echo "not built: assent_sudo.so, it needs a C compiler (Debian/Ubuntu: apt-get install gcc libc6-dev)"; \
	elif [ ! -f /usr/include/sudo_plugin.h ] && [ ! -f /usr/local/include/sudo_plugin.h ]; then echo "not built: assent_sudo.so, it needs sudo_plugin.h (Debian/Ubuntu: apt-get install sudo)"; \
	else mkdir -p bin; cc $(CC_FLAGS) -o bin/assent_sudo.so $(SHIM)/*.c && echo "built: assent_sudo.so"; fi
	@if command -v cc >/dev/null; then mkdir -p bin; cc $(PAM_FLAGS) -o bin/assent_pam $(PAM)/*.c -ldl && echo "built: assent_pam"; fi

# The icon beside the clock needs a C compiler and libraries of the desktop; without
# them assent-tray has everything but its icon.
tray:
	@if pkg-config --exists ayatana-appindicator3-0.1 gtk+-3.0 2>/dev/null && command -v cc >/dev/null; then mkdir -p bin; \
		CGO_ENABLED=1 $(GO) build -trimpath -tags tray -ldflags '$(LDFLAGS)' -o bin/assent-tray ./agent/cmd/assent-tray && echo "built: assent-tray with its icon"; \
	else echo "assent-tray has no icon: it needs a C compiler and libraries (Debian/Ubuntu: apt-get install gcc pkg-config libayatana-appindicator3-dev libgtk-3-dev)"; fi

# npm runs only when the lock file changed, the bundler only when a source did.
console:
	@if [ ! -f $(CONSOLE)/package-lock.json ]; then echo "not built: the console, its source is missing"; exit 0; fi; \
	.ci/packages node=nodejs npm=npm || { echo "not built: the console, it needs node and npm"; exit 0; }; \
	lock=$$(sha256sum $(CONSOLE)/package-lock.json); \
	if [ "$$(cat $(CONSOLE)/node_modules/.lock 2>/dev/null)" != "$$lock" ]; then \
		echo "npm loads the console's packages"; \
		npm ci --prefix $(CONSOLE) --no-audit --no-fund --loglevel=error || { echo "not built: the console, npm could not load its packages (its errors are above); everything else works"; exit 0; }; \
		echo "$$lock" > $(CONSOLE)/node_modules/.lock; fi; \
	$(GO) run ./controller/cmd/webbuild && echo "built: console"

# What a build looks for is installed before it.
run: ## try Assent on this machine: controller, agent and sudo, all undone at the end
	@.ci/packages sudo=sudo node=nodejs npm=npm || true
	@$(MAKE) build
	@CGO_ENABLED=0 $(GO) build -o bin/dev/runhere ./e2e/cmd/runhere
	@if [ "$$(id -u)" = 0 ]; then exec bin/dev/runhere with $$PPID; else echo "Root is needed to install the agent; sudo may ask for your password once."; exec sudo bin/dev/runhere with $$PPID; fi

demo: ## look at Assent: a console with an invented office, and a simulated computer of your own
	@.ci/packages node=nodejs npm=npm || true
	@$(MAKE) build
	@CGO_ENABLED=0 $(GO) build -o bin/dev/demo ./e2e/cmd/demo
	@exec bin/dev/demo

# Random histories are the same in every run, so that a failure is of what was
# changed; RAPID_SEED=0 makes new ones.
test: export RAPID_SEED ?= 20261121
test: ## run every test this machine can run, and say which it could not
	@.ci/packages sudo=sudo cc=gcc mmdebstrap=mmdebstrap systemd-nspawn=systemd-container ip=iproute2 nsenter=util-linux chromium=chromium node=nodejs npm=npm python3=python3 pip3=python3-pip rpm=rpm tmux=tmux zsh=zsh fish=fish dbus-daemon=dbus-daemon Xvfb=xvfb zenity=zenity xdotool=xdotool import=imagemagick openbox=openbox xfce4-panel=xfce4-panel /usr/lib/notification-daemon/notification-daemon=notification-daemon pkg-config=pkg-config /usr/include/libayatana-appindicator3-0.1/libayatana-appindicator/app-indicator.h=libayatana-appindicator3-dev podman=podman runc=runc \
		msibuild=msitools gcab=gcab bsdtar=libarchive-tools 7z=p7zip-full osslsigncode=osslsigncode cpio=cpio dpkg-deb=dpkg || true
	@$(MAKE) build
	@$(GO) run ./e2e/cmd/testall

check: ## format, vet, lint, house tests, type check and cross builds
	@echo "format"; out=$$(gofmt -l *.go agent bench controller e2e installer shared); [ -z "$$out" ] || { echo "not formatted: $$out"; exit 1; }
	@echo "vet"; $(GO) vet ./...
	@echo "staticcheck"; $(GO) tool staticcheck ./...
	@echo "house tests"; $(GO) test -count=1 .
	@echo "types written from the OpenAPI document"; $(GO) test -count=1 ./controller/cmd/pysdk ./controller/cmd/tstypes
	@if [ -x $(CONSOLE)/node_modules/.bin/tsc ]; then echo "types of the console"; cd $(CONSOLE) && node_modules/.bin/tsc --noEmit; else echo "types of the console: not checked, run make build with npm first"; fi
	@for target in $(TARGETS); do echo "vet and build for $$target"; export CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/}; $(GO) vet . ./agent/... ./controller/... ./installer/... ./shared/... && $(GO) build -o /dev/null ./... || exit 1; done
	@echo "check passed"

bench: ## measure, against fixed minimal programs, in one run and one table
	@.ci/packages mmdebstrap=mmdebstrap systemd-nspawn=systemd-container ip=iproute2 sudo=sudo cc=gcc || true
	@$(MAKE) build
	@$(GO) run ./bench

# The date of every file in a package is that of the commit, so that the same
# commit gives the same bytes.
package: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
# With a key programs and packages are signed too (installer/WINDOWS.md, MACOS.md).
package: SIGN := $(if $(SIGN_KEY),-sign-cert '$(SIGN_CERT)' -sign-key '$(SIGN_KEY)') $(if $(SIGN_PASS),-sign-pass '$(SIGN_PASS)') $(if $(SIGN_STAMP),-sign-stamp '$(SIGN_STAMP)') $(if $(SIGN_HOOK),-sign-hook '$(SIGN_HOOK)')
package: ## make deb, rpm, MSI and pkg in dist/, for every architecture
	@.ci/packages sudo=sudo cc=gcc aarch64-linux-gnu-gcc=gcc-aarch64-linux-gnu /usr/aarch64-linux-gnu/include/stdio.h=libc6-dev-arm64-cross msibuild=msitools gcab=gcab \
		pkg-config=pkg-config /usr/include/libayatana-appindicator3-0.1/libayatana-appindicator/app-indicator.h=libayatana-appindicator3-dev || true
	@$(MAKE) console
	@$(GO) run ./installer -version '$(VERSION)' -commit '$(COMMIT)' -out dist $(SIGN)

mutate: ## break each guard of the request desk, one at a time: a test must fail every time
	@$(GO) run ./e2e/cmd/mutate
