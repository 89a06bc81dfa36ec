import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * A JVM where signal-cli would be: needs of the sandbox what signal-cli needs (a JIT, threads, a native library loaded
 * from the temporary folder) and leaves the talking to the simulator, as its child.
 */
final class SignalCliOnJvm {
  private static final String HOME = "/usr/local/lib/simulator";

  public static void main(String[] args) throws Exception {
    loadFromTemporaryFolder();
    warmUp();
    Runtime runtime = Runtime.getRuntime();
    System.err.printf("INFO  Jvm - heap of at most %d MB, %d processors%n", runtime.maxMemory() >> 20,
      runtime.availableProcessors());
    System.exit(run(args));
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

  private static int run(String[] args) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(HOME + "/deno", "run", "--quiet", "--no-prompt", "--no-check",
      "--no-config", "--no-lock", "--cached-only", "-A", HOME + "/lib/simulator/main.ts"));
    command.addAll(List.of(args));
    ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
    builder.environment().put("DENO_DIR", System.getProperty("java.io.tmpdir") + "/deno");
    builder.environment().put("DENO_NO_UPDATE_CHECK", "1");
    Process process = builder.start();
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
    return process.waitFor();
  }
}
