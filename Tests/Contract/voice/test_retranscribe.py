"""`lifeecho retranscribe`: one recording through the server, all of them through the database."""
from conftest import SPEECH
from contract import pb, resources
from database import Database
from person import COMPLETE_PROFILE, Person, fresh, open_channel
from server import Server, run
from speaking import failed, session_of, speak, spoken


def test_one_recording_and_all_of_them(tmp_path):
    with Database() as database:
        url = ("--database-url", database.url)
        data = tmp_path / "data"
        conversations = [fresh("conversation") for _ in range(3)]
        with Server(data, *url, ephemeral=False) as server, open_channel(server.target) as channel:
            person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
            for number, conversation in enumerate(conversations):
                speak(person, conversation, "s", f"第{number}段")
                failed(person, conversation)
        with Server(data, *url, ephemeral=False, env=SPEECH) as server, open_channel(server.target) as channel:
            person = Person(channel, server.secret, person.user)
            assert run("retranscribe", "--data-dir", data, "--user", person.user)[0] != 0
            status, out, err = run("retranscribe", "--data-dir", data, "--server", server.target, "--user", person.user,
                                   "--conversation", conversations[0], "--session", "s")
            assert status == 0, err
            assert spoken(person, conversations[0]) == ["第0段"]
            status, out, err = run("retranscribe", "--all", *url)
            assert status == 0 and out.splitlines()[-1] == "2 recordings", (out, err)
            for number, conversation in enumerate(conversations):
                assert spoken(person, conversation) == [f"第{number}段"]
                assert session_of(person, conversation, "s").state == resources.VOICE_SESSION_STATE_COMPLETED
            assert run("retranscribe", "--all", *url)[1].splitlines()[-1] == "0 recordings"


def test_what_was_deleted_is_left_out_and_a_private_database_is_found(tmp_path):
    data = tmp_path / "data"
    kept, deleted = fresh("conversation"), fresh("conversation")
    with Server(data, ephemeral=False) as server, open_channel(server.target) as channel:
        person = Person(channel, server.secret).provision(**COMPLETE_PROFILE)
        for conversation in (deleted, kept):
            speak(person, conversation, "s", "从前")
            failed(person, conversation)
        person.call("DeleteConversation", pb.DeleteConversationRequest(conversation_id=deleted))
        status, out, err = run("retranscribe", "--all", "--data-dir", data)
        assert status != 0 and "ENGINE_MISSING" in err and out == "", "it has no recogniser"
    assert "start `lifeecho serve`" in run("retranscribe", "--all", "--data-dir", data)[2]
    with Server(data, ephemeral=False, env=SPEECH) as server, open_channel(server.target) as channel:
        status, out, err = run("retranscribe", "--all", "--data-dir", data)
        assert status == 0 and out.splitlines()[-1] == "1 recordings", (out, err)
        assert spoken(Person(channel, server.secret, person.user), kept) == ["从前"]
