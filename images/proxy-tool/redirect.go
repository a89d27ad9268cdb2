package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The chain that is ours. Nothing else of the pod's rules is touched but one jump to it.
const chain = "PICKET_IN"

// Ports of the proxy itself that are for everybody: probes, readiness, metrics.
var open = []int{15020, 15021, 15090}

const (
	excludedMax    = 64
	commandTimeout = 20 * time.Second
	// Seconds to wait for somebody else who changes rules at the same time.
	lockSeconds = "10"
)

var jump = []string{"PREROUTING", "-p", "tcp", "-j", chain}

// redirect sends every TCP connection that comes into this network namespace, over IPv4 and IPv6, to the port of the
// proxy. Running it again changes nothing. When IPv6 is in use and cannot be redirected it fails, and with it the pod:
// a pod that is protected over one of two ways is not protected.
func redirect() error {
	port, excluded, err := wanted()
	if err != nil {
		return err
	}
	shareLock()
	done, err := install("iptables", port, excluded)
	if err != nil {
		return fmt.Errorf("IPv4 cannot be redirected: %w", err)
	}
	fmt.Printf("IPv4 redirected to %d by %s\n", port, done)
	done, err = install("ip6tables", port, excluded)
	if err == nil {
		fmt.Printf("IPv6 redirected to %d by %s\n", port, done)
		return nil
	}
	used, reason := usesIPv6("/proc/net/if_inet6")
	if used {
		return fmt.Errorf("the pod has IPv6 addresses (%s) and IPv6 cannot be redirected: %w", reason, err)
	}
	fmt.Printf("IPv6 is not in use here and was not redirected: %v\n", err)
	return nil
}

// wanted reads the port of the proxy and the ports that are left out.
func wanted() (int, []int, error) {
	port, err := strconv.Atoi(os.Getenv("PICKET_CAPTURE_PORT"))
	if err != nil || port < 1 || port > 65535 {
		return 0, nil, errors.New("PICKET_CAPTURE_PORT must be a port")
	}
	var excluded []int
	if text := os.Getenv("PICKET_EXCLUDE"); text != "" {
		parts := strings.Split(text, ",")
		if len(parts) > excludedMax {
			return 0, nil, fmt.Errorf("PICKET_EXCLUDE has more than %d ports", excludedMax)
		}
		for _, part := range parts {
			one, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil || one < 1 || one > 65535 {
				return 0, nil, errors.New("PICKET_EXCLUDE must be ports, separated by commas")
			}
			excluded = append(excluded, one)
		}
	}
	return port, excluded, nil
}

// install writes the rules with the first variant of the program that can, and looks that they are there.
func install(program string, port int, excluded []int) (string, error) {
	var failures []error
	for _, variant := range []string{program + "-nft", program + "-legacy", program} {
		if _, err := exec.LookPath(variant); err != nil {
			continue
		}
		err := write(variant, port, excluded)
		if err == nil {
			return variant, nil
		}
		failures = append(failures, err)
	}
	if len(failures) == 0 {
		return "", fmt.Errorf("there is no %s", program)
	}
	return "", errors.Join(failures...)
}

func write(variant string, port int, excluded []int) error {
	// Declaring a chain empties it; the whole text takes effect at once or not at all.
	lines := []string{"*nat", ":" + chain + " - [0:0]"}
	var expected []string
	for _, one := range append(slices.Clone(open), excluded...) {
		expected = append(expected, fmt.Sprintf("-A %s -p tcp -m tcp --dport %d -j RETURN", chain, one))
	}
	expected = append(expected, fmt.Sprintf("-A %s -p tcp -j REDIRECT --to-ports %d", chain, port))
	lines = append(lines, expected...)
	if _, err := run("", variant, table("-C", jump...)...); err != nil {
		lines = append(lines, "-I PREROUTING 1 "+strings.Join(jump[1:], " "))
	}
	lines = append(lines, "COMMIT", "")
	if _, err := run(strings.Join(lines, "\n"), variant+"-restore", "-w", lockSeconds, "--noflush"); err != nil {
		return err
	}
	return verify(variant, expected)
}

// verify compares what the kernel says with what was written: a rule that it took and did not keep protects nobody.
func verify(variant string, expected []string) error {
	if _, err := run("", variant, table("-C", jump...)...); err != nil {
		return err
	}
	printed, err := run("", variant, table("-S", chain)...)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	if !slices.Equal(lines, append([]string{"-N " + chain}, expected...)) {
		return fmt.Errorf("%s holds other rules than were written: %q", variant, lines)
	}
	return nil
}

func table(operation string, rest ...string) []string {
	return append([]string{"-w", lockSeconds, "-t", "nat", operation}, rest...)
}

func run(input, name string, arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, name, arguments...)
	command.Stdin = strings.NewReader(input)
	var stdout, stderr strings.Builder
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, firstLine(stderr.String()))
	}
	return stdout.String(), nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// usesIPv6 tells whether an interface other than loopback has an address. A table that cannot be read counts as use,
// one that is not there means that the kernel has no IPv6.
func usesIPv6(file string) (bool, string) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return false, ""
	}
	if err != nil {
		return true, err.Error()
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 6 && fields[5] != "lo" {
			return true, fields[5]
		}
	}
	return false, ""
}

// shareLock gives the older variant a lock file that it can make: the root file system of the container is read-only.
func shareLock() {
	if os.Getenv("XTABLES_LOCKFILE") == "" {
		os.Setenv("XTABLES_LOCKFILE", "/dev/shm/picket-xtables.lock")
	}
}
