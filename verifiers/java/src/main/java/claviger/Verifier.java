package claviger;

import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.RemoteKeySourceException;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSelector;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodySubscriber;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.commons.logging.Log;
import org.apache.commons.logging.LogFactory;
import org.springframework.security.core.AuthenticationException;
import org.springframework.security.oauth2.core.OAuth2AuthenticationException;
import org.springframework.security.oauth2.core.OAuth2Error;
import org.springframework.security.oauth2.core.OAuth2TokenValidator;
import org.springframework.security.oauth2.core.OAuth2TokenValidatorResult;
import org.springframework.security.oauth2.jwt.BadJwtException;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.jwt.JwtException;
import org.springframework.security.oauth2.jwt.JwtTimestampValidator;
import org.springframework.security.oauth2.jwt.JwtValidationException;
import org.springframework.security.oauth2.jwt.MappedJwtClaimSetConverter;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.security.web.AuthenticationEntryPoint;

/**
 * Checks access tokens of a realm where they are used: by their signature, and by what has ended since, which the realm's
 * live feed tells.
 *
 * <pre>{@code
 * http.oauth2ResourceServer(server -> server
 *     .jwt(jwt -> jwt.decoder(verifier.decoder()))
 *     .authenticationEntryPoint(verifier.entryPoint()))
 * }</pre>
 *
 * <p>{@link #decoder()} checks all there is to be checked. Who has a decoder already adds the verifier to its validators.
 * README.md says what each option means, ../README.md what every verifier does. Any number of threads may use it.
 */
public final class Verifier implements OAuth2TokenValidator<Jwt>, AutoCloseable {
    /** Only those that the holder of a public key cannot sign with; Nimbus knows EdDSA only with another library. */
    private static final Set<JWSAlgorithm> ALGORITHMS = algorithms();
    /** The longest token that is looked at, in characters. */
    private static final int LONGEST_TOKEN = 16_384;
    /** How long discovery and keys may take, and how many bytes they may have. */
    private static final Duration FETCH_TIME = Duration.ofSeconds(5);
    private static final int FETCH_SIZE = 4 << 20;
    /** How far apart the keys are fetched: while there are none, because of a key unknown, and anyway. */
    private static final Duration KEYS_NONE = Duration.ofSeconds(1);
    private static final Duration KEYS_UNKNOWN = Duration.ofSeconds(10);
    private static final Duration KEYS_ANYWAY = Duration.ofMinutes(10);
    /** The longest event of the feed, in bytes. */
    private static final int LONGEST_EVENT = 65_536;
    /** A connection that is silent for so long is given up: the server beats every ten seconds. */
    private static final Duration SILENCE = Duration.ofSeconds(20);
    /** The pause after a connection that failed, in milliseconds: it doubles, and chance takes off up to a half. */
    private static final long FIRST_PAUSE = 100;
    private static final long LAST_PAUSE = 5_000;
    /** How often records that are over are forgotten. */
    private static final Duration SWEEP = Duration.ofSeconds(16);
    private static final String REVOKED = "The token was revoked";
    private static final String INVALID = "The token is not valid";

    /** What happens to a token while it is not known what has ended. */
    public enum WhenBlind {
        /** It is refused, with {@link Blind}. */
        REFUSE,
        /** It passes, unless it is known to be revoked. */
        ACCEPT
    }

    /** It cannot be told whether a token is good: not the token's fault, and to be answered with 503. */
    public static final class Blind extends AuthenticationException {
        Blind(String message) {
            super(message);
        }
    }

    /** What a verifier has to know, and what it may be told. */
    public static final class Builder {
        private final String issuer;
        private final String clientId;
        private final String clientSecret;
        private String audience;
        private Duration maxStale = Duration.ofSeconds(30);
        private Duration clockSkew = Duration.ofSeconds(60);
        private WhenBlind whenBlind = WhenBlind.REFUSE;
        private int maxRecords = 1_000_000;

        /** The address of the realm, and a confidential client with {@code revocation.feed.enabled}. */
        public Builder(String issuer, String clientId, String clientSecret) {
            if (!issuer.matches("https?://.*") || clientId.isEmpty() || clientSecret.isEmpty()) {
                throw new IllegalArgumentException("The issuer's address or the client is missing");
            }
            this.issuer = issuer;
            this.clientId = clientId;
            this.clientSecret = clientSecret;
        }

        /** Whom tokens must be meant for ({@code aud}); anybody if it is null. */
        public Builder audience(String audience) {
            this.audience = audience;
            return this;
        }

        /** How long after the last event it is still known what has ended; 30 seconds. */
        public Builder maxStale(Duration maxStale) {
            if (maxStale.isNegative() || maxStale.isZero()) {
                throw new IllegalArgumentException("maxStale must be above 0");
            }
            this.maxStale = maxStale;
            return this;
        }

        /** How much clocks may differ; 60 seconds. */
        public Builder clockSkew(Duration clockSkew) {
            if (clockSkew.isNegative()) {
                throw new IllegalArgumentException("clockSkew must not be below 0");
            }
            this.clockSkew = clockSkew;
            return this;
        }

        /** What happens while nothing is known; tokens are refused. */
        public Builder whenBlind(WhenBlind whenBlind) {
            this.whenBlind = whenBlind;
            return this;
        }

        /** How many records are kept; 1,000,000. With one more nothing is known. */
        public Builder maxRecords(int maxRecords) {
            if (maxRecords < 1) {
                throw new IllegalArgumentException("maxRecords must be above 0");
            }
            this.maxRecords = maxRecords;
            return this;
        }

        /** Begins to follow the feed. The server need not be there. */
        public Verifier build() {
            return new Verifier(this);
        }
    }

    private final Builder options;
    private final HttpClient http = HttpClient.newBuilder()
        .version(HttpClient.Version.HTTP_1_1)
        .connectTimeout(FETCH_TIME)
        .build();
    private final ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(1, Verifier::thread);
    private final Keys keys;
    private final Records records;
    private final Feed feed;
    private final Thread follower;
    private final JwtDecoder decoder;

    private Verifier(Builder options) {
        this.options = options;
        keys = new Keys();
        records = new Records(options.maxRecords, options.clockSkew);
        feed = new Feed();
        decoder = checkingDecoder();
        follower = thread(feed::run);
        follower.start();
        timer.scheduleWithFixedDelay(() -> keys.again(Duration.ZERO), 0, KEYS_ANYWAY.toSeconds(), TimeUnit.SECONDS);
        timer.scheduleWithFixedDelay(records::sweep, SWEEP.toSeconds(), SWEEP.toSeconds(), TimeUnit.SECONDS);
    }

    private static Thread thread(Runnable work) {
        var thread = new Thread(work, "claviger-verifier");
        thread.setDaemon(true);
        return thread;
    }

    private static Set<JWSAlgorithm> algorithms() {
        var all = new HashSet<>(JWSAlgorithm.Family.RSA);
        all.addAll(List.of(JWSAlgorithm.ES256, JWSAlgorithm.ES384, JWSAlgorithm.ES512));
        return all;
    }

    /** Whether it is known now what has ended. */
    public boolean isCurrent() {
        var heard = feed.heard;
        return heard != null && System.nanoTime() - heard < options.maxStale.toNanos();
    }

    /** Whether a token, which is good otherwise, has ended. {@link Blind} if that cannot be told. */
    @Override
    public OAuth2TokenValidatorResult validate(Jwt token) {
        if (feed.gone || records.match(token)) {
            return failure(REVOKED);
        }
        if (options.whenBlind == WhenBlind.REFUSE && !isCurrent()) {
            throw new Blind("It is not known which tokens were revoked");
        }
        return OAuth2TokenValidatorResult.success();
    }

    /** A decoder that lets nothing but good access tokens pass: signature, issuer, audience, time, kind, and what ended. */
    public JwtDecoder decoder() {
        return decoder;
    }

    /** Answers what was refused: 401 as RFC 6750 has it, and 503 for {@link Blind}. */
    public AuthenticationEntryPoint entryPoint() {
        return this::refuse;
    }

    /** Lets go of the connection. Nothing is current any more. */
    @Override
    public void close() {
        follower.interrupt();
        timer.shutdownNow();
    }

    private static OAuth2TokenValidatorResult failure(String why) {
        return OAuth2TokenValidatorResult.failure(new OAuth2Error("invalid_token", why, null));
    }

    private JwtDecoder checkingDecoder() {
        var processor = new DefaultJWTProcessor<SecurityContext>();
        var plain = new DefaultJOSEObjectTypeVerifier<>(JOSEObjectType.JWT, new JOSEObjectType("at+jwt"), null);
        processor.setJWSTypeVerifier(plain);
        processor.setJWSKeySelector(new JWSVerificationKeySelector<>(ALGORITHMS, keys));
        // The validators below do it.
        processor.setJWTClaimsSetVerifier((claims, context) -> { });
        var nimbus = new NimbusJwtDecoder(processor);
        var converter = MappedJwtClaimSetConverter.withDefaults(Map.of());
        nimbus.setClaimSetConverter(claims -> {
            var converted = new HashMap<>(converter.convert(claims));
            // It makes one up where there is none.
            if (claims.get("iat") == null) {
                converted.remove("iat");
            }
            return converted;
        });
        var inTime = new JwtTimestampValidator(options.clockSkew);
        nimbus.setJwtValidator(token -> {
            if (!isGood(token) || inTime.validate(token).hasErrors()) {
                return failure(INVALID);
            }
            return validate(token);
        });
        return token -> {
            if (token.length() > LONGEST_TOKEN) {
                throw new BadJwtException(INVALID);
            }
            try {
                return nimbus.decode(token);
            } catch (BadJwtException bad) {
                throw bad;
            } catch (JwtException unknown) {
                throw new Blind("The keys of the realm are not known");
            }
        };
    }

    private boolean isGood(Jwt token) {
        return token.getExpiresAt() != null
            && options.issuer.equals(token.getClaimAsString("iss"))
            && (options.audience == null || token.getAudience() != null && token.getAudience().contains(options.audience))
            // ID, refresh and logout tokens are signed by the same keys; nobody here checks what a token is bound to.
            && "Bearer".equals(token.getClaimAsString("typ"))
            && !token.hasClaim("cnf");
    }

    private void refuse(HttpServletRequest request, HttpServletResponse response, AuthenticationException refusal)
            throws IOException {
        var body = new HashMap<String, Object>();
        if (refusal instanceof Blind) {
            response.setStatus(503);
            response.setHeader("Retry-After", "1");
            body.putAll(Map.of("error", "temporarily_unavailable", "error_description", refusal.getMessage()));
        } else {
            var challenge = "Bearer realm=\"" + options.issuer + "\"";
            if (refusal instanceof OAuth2AuthenticationException) {
                var why = refusal.getCause() instanceof JwtValidationException bad
                    && bad.getErrors().stream().anyMatch(error -> REVOKED.equals(error.getDescription())) ? REVOKED : INVALID;
                challenge += ", error=\"invalid_token\", error_description=\"" + why + "\"";
                body.putAll(Map.of("error", "invalid_token", "error_description", why));
            }
            response.setStatus(401);
            response.setHeader("WWW-Authenticate", challenge);
        }
        response.setContentType("application/json");
        response.getWriter().write(JSONObjectUtils.toJSONString(body));
    }

    /** Logs what is wrong, once until it is well again. */
    private static final class Teller {
        private static final Log LOG = LogFactory.getLog(Verifier.class);
        private final String about;
        private final AtomicReference<String> said = new AtomicReference<>("");

        Teller(String about) {
            this.about = about;
        }

        void wrong(Throwable problem) {
            var cause = problem instanceof ExecutionException ? problem.getCause() : problem;
            var what = cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
            if (!what.equals(said.getAndSet(what))) {
                LOG.warn(about + ": " + what);
            }
        }

        void well() {
            said.set("");
        }
    }

    /** Hands on the bytes of an answer as they come. */
    private static final class Body implements BodySubscriber<Void> {
        interface Sink {
            void take(byte[] bytes) throws IOException;
        }

        private final Sink sink;
        private final CompletableFuture<Void> end = new CompletableFuture<>();
        private volatile long heard = System.nanoTime();
        private volatile Flow.Subscription subscription;

        Body(Sink sink) {
            this.sink = sink;
        }

        @Override
        public CompletionStage<Void> getBody() {
            return end;
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            this.subscription = subscription;
            if (end.isDone()) {
                subscription.cancel();
            } else {
                subscription.request(1);
            }
        }

        @Override
        public void onNext(List<ByteBuffer> parts) {
            heard = System.nanoTime();
            try {
                for (var part : parts) {
                    var bytes = new byte[part.remaining()];
                    part.get(bytes);
                    if (!end.isDone()) {
                        sink.take(bytes);
                    }
                }
                subscription.request(1);
            } catch (IOException | RuntimeException problem) {
                give(problem);
            }
        }

        @Override
        public void onError(Throwable problem) {
            end.completeExceptionally(problem);
        }

        @Override
        public void onComplete() {
            end.complete(null);
        }

        /** Gives the connection up. */
        void give(Throwable problem) {
            end.completeExceptionally(problem);
            if (subscription != null) {
                subscription.cancel();
            }
        }
    }

    /** The realm's public keys, found by discovery. */
    private final class Keys implements JWKSource<SecurityContext> {
        private final ReentrantLock loading = new ReentrantLock();
        private volatile JWKSet known;
        private URI address;
        private Long tried;
        private final Teller teller = new Teller("keys of " + options.issuer);

        /** Keys that nobody knows are asked for, but not too often. */
        @Override
        public List<JWK> get(JWKSelector selector, SecurityContext context) throws RemoteKeySourceException {
            if (known == null) {
                again(KEYS_NONE);
            }
            if (known == null) {
                throw new RemoteKeySourceException("The keys of the realm are not known", null);
            }
            var found = selector.select(known);
            if (found.isEmpty()) {
                again(KEYS_UNKNOWN);
                found = selector.select(known);
            }
            return found;
        }

        /** Waits for keys that are under way, and loads them if that was not tried for so long. */
        void again(Duration apart) {
            loading.lock();
            try {
                if (tried != null && System.nanoTime() - tried < apart.toNanos()) {
                    return;
                }
                tried = System.nanoTime();
                load();
                teller.well();
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
            } catch (Exception problem) {
                teller.wrong(problem);
            } finally {
                loading.unlock();
            }
        }

        private void load() throws Exception {
            if (address == null) {
                var found = JSONObjectUtils.parse(fetch(URI.create(options.issuer + "/.well-known/openid-configuration")));
                if (!options.issuer.equals(found.get("issuer"))) {
                    throw new IOException("the server calls itself " + found.get("issuer"));
                }
                address = JSONObjectUtils.getURI(found, "jwks_uri");
            }
            known = JWKSet.parse(fetch(address));
        }

        private String fetch(URI address) throws Exception {
            var bytes = new ByteArrayOutputStream();
            var body = new Body(part -> {
                bytes.write(part);
                if (bytes.size() > FETCH_SIZE) {
                    throw new IOException(address + " is too long");
                }
            });
            var request = HttpRequest.newBuilder(address).timeout(FETCH_TIME).build();
            var answer = http.sendAsync(request, info -> body);
            try {
                var status = answer.get(FETCH_TIME.toMillis(), TimeUnit.MILLISECONDS).statusCode();
                if (status != 200) {
                    throw new IOException(address + " answers " + status);
                }
                return bytes.toString(StandardCharsets.UTF_8);
            } finally {
                answer.cancel(true);
            }
        }
    }

    /** What has ended: for each choice of keys a table, so that a token is looked up once in each of at most sixteen. */
    private static final class Records {
        /** What a record names, and the claims that have it. */
        private static final List<String> NAMES = List.of("sid", "sub", "client_id", "jti");
        private static final List<String> CLAIMS = List.of("sid", "sub", "azp", "jti");

        private record Ended(long before, double until) {
            Ended and(Ended other) {
                return new Ended(Math.max(before, other.before), Math.max(until, other.until));
            }
        }

        private final List<ConcurrentMap<List<String>, Ended>> tables = new ArrayList<>();
        private int size;
        private final int most;
        private final double skew;

        /** {@code skew}: for how long after its end a token may still be let pass. */
        Records(int most, Duration skew) {
            this.most = most;
            this.skew = skew.toMillis() / 1000.0;
            for (var kind = 0; kind < 1 << NAMES.size(); kind++) {
                tables.add(new ConcurrentHashMap<>());
            }
        }

        /** Keeps a record; false if there is no room for it. */
        synchronized boolean add(Map<String, Object> record) throws IOException {
            if (!(record.get("before_ms") instanceof Long before) || !(record.get("until") instanceof Number until)) {
                throw new IOException("it has a record that is none");
            }
            var kind = 0;
            var values = new ArrayList<String>();
            for (var at = 0; at < NAMES.size(); at++) {
                var value = record.get(NAMES.get(at));
                if (value instanceof String text) {
                    kind |= 1 << at;
                    values.add(text);
                } else if (value != null) {
                    throw new IOException("it has a record that is none");
                }
            }
            var ended = new Ended(before, until.doubleValue() + skew);
            if (ended.until <= seconds()) {
                return true;
            }
            var table = tables.get(kind);
            if (!table.containsKey(values)) {
                if (size >= most) {
                    return false;
                }
                size++;
            }
            table.merge(List.copyOf(values), ended, Ended::and);
            return true;
        }

        /** Whether one of them matches a token. */
        boolean match(Jwt token) {
            var issued = token.getIssuedAt();
            for (var kind = 0; kind < tables.size(); kind++) {
                var table = tables.get(kind);
                var values = table.isEmpty() ? null : values(token, kind);
                var ended = values == null ? null : table.get(values);
                if (ended != null && (issued == null || issued.toEpochMilli() <= ended.before)) {
                    return true;
                }
            }
            return false;
        }

        private static List<String> values(Jwt token, int kind) {
            var values = new ArrayList<String>();
            for (var at = 0; at < CLAIMS.size(); at++) {
                if ((kind & 1 << at) != 0) {
                    if (!(token.getClaims().get(CLAIMS.get(at)) instanceof String value)) {
                        return null;
                    }
                    values.add(value);
                }
            }
            return values;
        }

        /** Forgets what no token that is alive can match. */
        void sweep() {
            var now = seconds();
            for (var table : tables) {
                for (var entry : table.entrySet()) {
                    var ended = entry.getValue();
                    if (ended.until <= now) {
                        remove(table, entry.getKey(), ended);
                    }
                }
            }
        }

        /** Unless it was prolonged meanwhile. */
        private synchronized void remove(ConcurrentMap<List<String>, Ended> table, List<String> values, Ended ended) {
            if (table.remove(values, ended)) {
                size--;
            }
        }

        synchronized void clear() {
            tables.forEach(Map::clear);
            size = 0;
        }

        private static double seconds() {
            return System.currentTimeMillis() / 1000.0;
        }
    }

    /** Reads Server-Sent Events (HTML §9.2) out of bytes. */
    private static final class Events {
        interface Sink {
            void take(String id, String event, String data) throws IOException;
        }

        private final Sink sink;
        private final ByteArrayOutputStream line = new ByteArrayOutputStream();
        private final Map<String, String> event = new HashMap<>();
        private int size;

        Events(Sink sink) {
            this.sink = sink;
        }

        void read(byte[] bytes) throws IOException {
            for (var one : bytes) {
                if (++size > LONGEST_EVENT) {
                    throw new IOException("it has an event that is too long");
                }
                if (one != '\n') {
                    line.write(one);
                    continue;
                }
                var text = line.toString(StandardCharsets.UTF_8);
                line.reset();
                take(text.endsWith("\r") ? text.substring(0, text.length() - 1) : text);
            }
        }

        private void take(String line) throws IOException {
            if (!line.isEmpty()) {
                var colon = line.indexOf(':');
                var name = colon < 0 ? line : line.substring(0, colon);
                var value = colon < 0 ? "" : line.substring(colon + 1);
                value = value.startsWith(" ") ? value.substring(1) : value;
                if (name.equals("data")) {
                    event.merge(name, value, (before, more) -> before + "\n" + more);
                } else if (name.equals("id") || name.equals("event")) {
                    event.put(name, value);
                }
                return;
            }
            if (event.containsKey("data")) {
                sink.take(event.get("id"), event.get("event"), event.get("data"));
            }
            event.clear();
            size = 0;
        }
    }

    /** Follows the live feed. */
    private final class Feed {
        private final String address = options.issuer + "/revocations";
        private final Teller teller = new Teller(address);
        private volatile String since;
        private volatile long pause = FIRST_PAUSE;
        /** When the last event came, if it is known that none is missing before it. */
        private volatile Long heard;
        private volatile boolean gone;

        void run() {
            try {
                while (!Thread.currentThread().isInterrupted()) {
                    try {
                        listen();
                    } catch (ExecutionException | IOException | RuntimeException problem) {
                        teller.wrong(problem);
                    }
                    Thread.sleep(pause - ThreadLocalRandom.current().nextLong(pause / 2));
                    pause = Math.min(pause * 2, LAST_PAUSE);
                }
            } catch (InterruptedException closed) {
                // There is nobody to be told.
            } finally {
                heard = null;
            }
        }

        /** Follows one connection to its end. */
        private void listen() throws InterruptedException, ExecutionException, IOException {
            var connection = new Connection();
            var body = new Body(new Events(connection::take)::read);
            var answer = http.sendAsync(request(), info -> {
                try {
                    opened(info.statusCode(), info.headers().firstValue("content-type").orElse("nothing"));
                } catch (IOException refused) {
                    body.give(refused);
                }
                return body;
            });
            try {
                while (true) {
                    try {
                        answer.get(1, TimeUnit.SECONDS);
                        return;
                    } catch (TimeoutException goesOn) {
                        if (System.nanoTime() - body.heard > SILENCE.toNanos()) {
                            throw new IOException("it is silent");
                        }
                    }
                }
            } finally {
                body.give(new IOException("it was given up"));
                answer.cancel(true);
            }
        }

        private HttpRequest request() {
            // RFC 6749 §2.3.1: encoded as in a form.
            var client = encoded(options.clientId) + ":" + encoded(options.clientSecret);
            var basic = Base64.getEncoder().encodeToString(client.getBytes(StandardCharsets.UTF_8));
            return HttpRequest.newBuilder(URI.create(since == null ? address : address + "?since=" + since))
                .timeout(FETCH_TIME)
                .header("Accept", "text/event-stream")
                .header("Authorization", "Basic " + basic)
                .build();
        }

        private static String encoded(String text) {
            return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
        }

        private void opened(int status, String kind) throws IOException {
            gone = status == 404;
            if (status == 410) {
                records.clear();
                since = null;
            }
            if (status == 401 || status == 403 || status == 410) {
                heard = null;
            }
            if (status != 200) {
                throw new IOException("it answers " + status);
            }
            if (!kind.startsWith("text/event-stream")) {
                throw new IOException("it answers with " + kind);
            }
        }

        private final class Connection {
            /** Until a head has come, something from the time without a connection may be missing. */
            private boolean whole;

            void take(String id, String event, String data) throws IOException {
                if ("revocation".equals(event) && !records.add(parsed(data))) {
                    heard = null;
                    throw new IOException("there are more than " + options.maxRecords + " records");
                }
                if ("head".equals(event)) {
                    whole = true;
                    pause = FIRST_PAUSE;
                    teller.well();
                }
                // Behind what was not taken we do not go on.
                if (id != null) {
                    if (!id.matches("[0-9]{1,19}")) {
                        throw new IOException("it has an event whose number is none");
                    }
                    since = id;
                }
                if (whole) {
                    heard = System.nanoTime();
                }
            }

            private Map<String, Object> parsed(String data) throws IOException {
                try {
                    return JSONObjectUtils.parse(data);
                } catch (java.text.ParseException problem) {
                    throw new IOException("it has a record that is none");
                }
            }
        }
    }
}
