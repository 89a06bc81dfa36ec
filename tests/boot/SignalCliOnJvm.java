import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A JVM where signal-cli would be: needs of the sandbox what signal-cli needs (a JIT, threads, a native library loaded
 * from the temporary folder) and hands the talking to the simulator. `daemon --socket` serves each connection with a
 * simulator of its own.
 */
final class SignalCliOnJvm {
  private static final String HOME = "/usr/local/lib/simulator";

  public static void main(String[] args) throws Exception {
    loadFromTemporaryFolder();
    warmUp();
    Runtime runtime = Runtime.getRuntime();
    System.err.printf("INFO  Jvm - heap of at most %d MB, %d processors%n", runtime.maxMemory() >> 20, runtime.availableProcessors());
    int at = Arrays.asList(args).indexOf("daemon");
    if (at >= 0) serve(args, at);
    else System.exit(start(Arrays.asList(args), true).waitFor());
  }

  /** As libsignal and the SQLite driver do. */
  private static void loadFromTemporaryFolder() throws IOException {
    Path copy = Files.createTempFile("native", ".so");
    Files.copy(Path.of("/lib/x86_64-linux-gnu/libz.so.1"), copy, StandardCopyOption.REPLACE_EXISTING);
    System.load(copy.toString());
    Files.delete(copy);
  }

  private static void warmUp() throws InterruptedException {
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      Thread thread = new Thread(() -> {
        long sum = 0;
        for (int n = 0; n < 2_000_000; n++) sum += n ^ (sum << 1);
        if (sum == 42) System.err.println(sum);
      });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) thread.join();
  }

  private static Process start(List<String> args, boolean inherit) throws IOException {
    List<String> command = new ArrayList<>(List.of(HOME + "/deno", "run", "--quiet", "--no-prompt", "--no-check", "--no-config",
      "--no-lock", "--cached-only", "-A", HOME + "/lib/simulator/main.ts"));
    command.addAll(args);
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("DENO_DIR", System.getProperty("java.io.tmpdir") + "/deno");
    builder.environment().put("DENO_NO_UPDATE_CHECK", "1");
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    if (inherit) builder.inheritIO();
    Process process = builder.start();
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
    return process;
  }

  private static void serve(String[] args, int at) throws IOException {
    List<String> global = Arrays.asList(args).subList(0, at);
    Path path = Path.of(args[Arrays.asList(args).indexOf("--socket") + 1]);
    Files.deleteIfExists(path);
    List<String> one = new ArrayList<>(global);
    one.addAll(List.of("jsonRpc", "--receive-mode=manual"));
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(path));
      while (true) {
        SocketChannel peer = server.accept();
        Process process = start(one, false);
        pump(Channels.newInputStream(peer), process.getOutputStream(), null);
        pump(process.getInputStream(), Channels.newOutputStream(peer), peer);
      }
    }
  }

  private static void pump(InputStream from, OutputStream to, SocketChannel close) {
    Thread thread = new Thread(() -> {
      byte[] chunk = new byte[8192];
      try (to) {
        for (int read; (read = from.read(chunk)) > 0;) {
          to.write(chunk, 0, read);
          to.flush();
        }
        if (close != null) close.close();
      } catch (IOException gone) {
        // The other side has ended; closing this one says so.
      }
    });
    thread.setDaemon(true);
    thread.start();
  }
}
