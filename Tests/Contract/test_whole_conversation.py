"""A conversation from the first greeting on, as a person would have it, with the built-in interviewer."""
import re

import pytest

from contract import events, pb, resources, users, users_grpc
from person import CALL_S, Events, bearer, gapless
import tokens

# What the person answers when the interviewer asks about a profile field.
PROFILE_ANSWERS = [
    (re.compile("哪一年|哪年|年份|多大|什么时候出生|几几年"), "五二年生的。"),
    (re.compile("长大|从小"), "也是在绍兴长大的。"),
    (re.compile("哪里出生|哪儿出生|在哪|出生|老家"), "浙江绍兴。"),
    (re.compile("工作|职业|做什么|哪一行|行当"), "我当了一辈子小学老师。"),
]

STORY = [
    "我小时候住在绍兴城外的河边，门口有一棵老樟树。",
    "我爸爸是撑船的，一天到晚在河上，晒得黑黑的。",
    "我妈妈在家里织布，还要带我们四个孩子。",
    "我是老大，下面两个弟弟一个妹妹。",
    "那时候粮食不够吃，妈妈常常把自己那份省给我们。",
    "过年的时候爸爸会带回来一条大鱼，全家高兴得不得了。",
    "我七岁上学，学堂在祠堂里，老师姓周。",
    "周老师写得一手好字，我后来当老师就是因为他。",
    "有一回我掉进河里，是隔壁的阿毛哥把我捞上来的。",
    "阿毛哥后来去当兵了，再也没有回来。",
    "这件事我不想说了。",
    "十五岁那年我考上了师范，要走三十里路去报到。",
    "师范的同学都睡大通铺，夜里大家讲故事。",
    "换个话题吧。",
    "我十九岁分到乡下的小学，一个人教三个年级。",
    "我先生是学校里的会计，人老实，不大说话。",
    "我们结婚的时候只买了两斤糖。",
    "大女儿出生那天下着大雪，我先生跑了五里路去请接生婆。",
    "后来我当了校长，一直干到退休。",
    "现在我每天早上去公园打太极拳。",
]
HAN = re.compile(r"[\u4e00-\u9fff]")
QUESTION = re.compile("[？?]|呢|吗")


def joined(pieces):
    return "\n".join(pieces)


def texts(log, kind="agent_message"):
    return [e.agent_message.text for e in log if Events.kind(e) == kind]


@pytest.fixture(scope="module")
def told(server, channel):
    """The whole conversation; (person, conversation, events seen live, [(what was said, reply)])."""
    from person import Person, fresh
    person = Person(channel, server.secret).provision(nickname="张奶奶")
    conversation = fresh("conversation")
    exchanges = []
    live = person.connect(conversation)
    live.wait_kind("turn_completed")
    reply = texts(live.all)
    for _ in range(8):
        # The last sentence asks; those before it take up what was said.
        question = re.split("[。！\n]", joined(reply).rstrip("。！\n"))[-1]
        answer = next((text for pattern, text in PROFILE_ANSWERS if pattern.search(question)), None)
        if answer is None:
            break
        reply = person.say(conversation, answer)
        exchanges.append((answer, reply))
        if profile_is_complete(person):
            break
    profile_turns = len(exchanges)
    for text in STORY:
        exchanges.append((text, person.say(conversation, text)))
    live.wait_kind("turn_completed", 1 + len(exchanges))
    yield person, conversation, live, exchanges, profile_turns
    live.close()


def stored(person):
    return users_grpc.UserServiceStub(person.channel).GetUser(
        users.GetUserRequest(user_id=person.user), metadata=bearer(tokens.service(person.secret, "users")),
        timeout=CALL_S).user


def profile_is_complete(person):
    user = stored(person)
    return all([user.birth_year, user.birth_place, user.grew_up_place, user.occupation])


def test_it_begins_with_a_greeting_that_asks_for_the_profile(told):
    _, _, live, _, _ = told
    kinds = live.kinds()
    assert kinds[:2] == ["connected", "replay_completed"]
    assert live.all[0].connected.created
    started = live.of("turn_started")[0]
    assert started.turn_started.kind == resources.TURN_KIND_PROFILE_GREETING
    greeting = [e.agent_message.text for e in live.of("agent_message") if e.turn_id == started.turn_id]
    assert "张奶奶" in joined(greeting) and QUESTION.search(joined(greeting)), greeting


def test_the_profile_is_learnt_from_the_answers(told):
    person, _, _, exchanges, profile_turns = told
    user = stored(person)
    assert user.birth_year == 1952, exchanges[:profile_turns]
    assert "绍兴" in user.birth_place and "绍兴" in user.grew_up_place, user
    assert user.occupation in ("小学老师", "老师", "教师"), user
    assert profile_turns <= 6


def test_topics_are_suggested_only_when_the_profile_is_complete(told):
    _, _, live, _, profile_turns = told
    seen = live.kinds()
    first = seen.index("topic_suggestions")
    completed_before = seen[:first].count("turn_completed")
    assert completed_before >= profile_turns, seen[:first]
    for event in live.of("topic_suggestions"):
        chips = event.topic_suggestions.suggestions
        assert 1 <= len(chips) <= 4
        assert event.topic_suggestions.reason == events.SUGGESTION_REASON_TURN
        assert all(HAN.search(chip.text) and chip.chip_id for chip in chips)
        assert len({chip.chip_id for chip in chips}) == len(chips)


def test_the_interviewer_speaks_chinese_in_short_pieces(told):
    _, _, _, exchanges, _ = told
    for said, reply in exchanges:
        assert 1 <= len(reply) <= 3, (said, reply)
        for piece in reply:
            assert HAN.search(piece) and len(piece) <= 120, piece
            assert not re.search(r"[A-Za-z]{3,}|\[SPLIT\]|\{|\}", piece), piece


def test_the_interviewer_is_no_echo(told):
    _, _, _, exchanges, profile_turns = told
    replies = [joined(reply) for _, reply in exchanges]
    for said, reply in exchanges[profile_turns:]:
        assert said.rstrip("。") not in joined(reply), f"repeats: {said}"
    assert len(set(replies)) == len(replies), "says the same thing twice"
    asked = [reply for reply in replies if QUESTION.search(reply)]
    assert len(asked) >= len(replies) * 0.6, "hardly asks"
    together = "".join(replies)
    touched = [word for word in ("樟树", "爸爸", "妈妈", "弟弟", "鱼", "周老师", "师范", "结婚", "女儿", "校长", "太极") if word in together]
    assert len(touched) >= 3, f"does not take up what was said: {replies}"


@pytest.mark.parametrize("wish", ["这件事我不想说了。", "换个话题吧。"])
def test_a_wish_to_stop_is_honoured(told, wish):
    _, _, _, exchanges, _ = told
    index = next(i for i, (said, _) in enumerate(exchanges) if said == wish)
    before, after = joined(exchanges[index - 1][1]), joined(exchanges[index][1])
    questions = [part for part in re.split("[。！\n]", before) if QUESTION.search(part)]
    assert not any(question and question in after for question in questions), (before, after)
    assert not re.search("为什么不|怎么不想", after), after


def test_the_log_and_the_history_agree(told):
    person, conversation, live, exchanges, _ = told
    log = gapless(person.replay(conversation))
    assert [e.SerializeToString(deterministic=True) for e in live.durable()] == [
        e.SerializeToString(deterministic=True) for e in log]
    history = person.messages(conversation)
    said = [m.text for m in history if m.role == resources.ROLE_USER]
    assert said == [text for text, _ in exchanges]
    answered = [m.text for m in history if m.role == resources.ROLE_AGENT]
    assert answered[1:] == [joined(reply) for _, reply in exchanges]
    assert [m.sequence for m in history] == sorted(m.sequence for m in history)
    by_message = {}
    for event in log:
        if Events.kind(event) == "agent_message":
            by_message.setdefault(event.agent_message.message_id, []).append(event.agent_message)
    for pieces in by_message.values():
        assert [p.index for p in pieces] == list(range(pieces[0].total))
    assert by_message.keys() == {m.message_id for m in history if m.role == resources.ROLE_AGENT}


def test_the_conversation_knows_where_it_is(told):
    person, conversation, _, exchanges, _ = told
    found = person.call("GetConversation", pb.GetConversationRequest(conversation_id=conversation)).conversation
    assert found.status == resources.CONVERSATION_STATUS_ACTIVE
    assert found.stage in {
        "childhood", "adolescence", "young_adult", "love_marriage", "work", "parenthood", "midlife", "later_life",
        "reflection"}
    assert found.message_count == 2 * len(exchanges) + 1
    assert found.head_sequence == len(person.replay(conversation))


def test_a_complete_profile_is_greeted_with_an_opening_and_topics(person, conversation):
    with person.connect(conversation) as live:
        live.wait_kind("topic_suggestions")
        assert live.of("turn_started")[0].turn_started.kind == resources.TURN_KIND_OPENING
        assert live.of("topic_suggestions")[0].topic_suggestions.reason == events.SUGGESTION_REASON_OPENING
        assert HAN.search(joined(texts(live.all)))
        completed = live.of("turn_completed")[0]
        assert completed.turn_completed.kind == resources.TURN_KIND_OPENING
        assert not completed.turn_completed.HasField("quota")
        kinds = live.kinds()
        assert kinds.index("turn_completed") < kinds.index("topic_suggestions")
        with person.connect(conversation) as second:
            second.wait_kind("topic_suggestions")
            assert second.of("topic_suggestions")[0].topic_suggestions.reason == events.SUGGESTION_REASON_RESUME
        assert len(live.of("topic_suggestions")) == 1, "another device's suggestions arrived here"


def test_years_are_understood_as_people_say_them(newcomer, conversation):
    with newcomer.connect(conversation) as live:
        live.wait_kind("turn_completed")
    newcomer.say(conversation, "我是1947年生的")
    assert stored(newcomer).birth_year == 1947
